/**
 * Which models a role may use. Patterns and names are compared part by part, so that `*` never matches across a `/` or a
 * `:`. For Ollama the parts are host, namespace, model and tag, and a name or pattern without a tag means `latest`. Other
 * servers have plain names, which are compared as they are.
 */
import { matchesGlob } from '../core/glob.ts'
import type { ServerKind } from '../core/servers.ts'
import { type ModelName, parseModel, parsePattern } from './name.ts'

/** Tells whether a model matches. @param model canonical, as `canonicalFor` returns it for that kind of server */
export type ModelMatcher = (model: string, server: ServerKind) => boolean

/** Compiles patterns. @throws TypeError that names a pattern which no model name can match */
export function modelMatcher(patterns: readonly string[]): ModelMatcher {
  const parsed = patterns.map((pattern) => {
    const name = parsePattern(pattern)
    if (name === undefined) throw new TypeError(`"${pattern}" is no name of a local model`)
    return { name, parts: partsOf(pattern) }
  })
  return (model, server) => {
    if (server !== 'ollama') {
      const parts = partsOf(model)
      return parsed.some((pattern) => matchesParts(pattern.parts, parts))
    }
    const name = parseModel(model)
    return name !== undefined && parsed.some((pattern) => matchesName(pattern.name, name))
  }
}

/** Tells whether every model that matches `pattern` matches one of `patterns`: its `*` must be within one of theirs. */
export function coversModels(patterns: readonly string[], pattern: string): boolean {
  const inner = parsePattern(pattern)
  return (
    inner !== undefined &&
    patterns.some((each) => {
      const outer = parsePattern(each)
      return outer !== undefined && matchesName(outer, inner)
    })
  )
}

function matchesName(pattern: ModelName, name: ModelName): boolean {
  return (
    matchesGlob(pattern.model, name.model) &&
    matchesGlob(pattern.tag, name.tag) &&
    matchesGlob(pattern.namespace, name.namespace) &&
    matchesGlob(pattern.host, name.host)
  )
}

/** Returns the parts and their separators. */
function partsOf(name: string): readonly string[] {
  return name.split(/([/:])/)
}

function matchesParts(pattern: readonly string[], name: readonly string[]): boolean {
  return (
    pattern.length === name.length && pattern.every((part, index) => matchesGlob(part, name[index] ?? ''))
  )
}
