/**
 * Which models a role may use. Patterns and names are compared part by part (host, namespace, model, tag), so
 * that `*` never reaches over a `/` or a `:`; a name without a tag means `latest`, in patterns too.
 */
import { matchesGlob } from '../core/glob.ts'
import { type ModelName, parsePattern } from './name.ts'

export type ModelMatcher = (model: ModelName) => boolean

/** @throws TypeError naming a pattern that no model name can match */
export function modelMatcher(patterns: readonly string[]): ModelMatcher {
  const parsed = patterns.map((pattern) => {
    const name = parsePattern(pattern)
    if (name === undefined) throw new TypeError(`"${pattern}" is no name of a local model`)
    return name
  })
  return (model) =>
    parsed.some(
      (pattern) =>
        matchesGlob(pattern.model, model.model) &&
        matchesGlob(pattern.tag, model.tag) &&
        matchesGlob(pattern.namespace, model.namespace) &&
        matchesGlob(pattern.host, model.host),
    )
}
