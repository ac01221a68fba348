/**
 * Ollama's model names (v0.33, `types/model/name.go`): many spellings for one model.
 *
 *     [scheme://][host/][namespace/]model[:tag][:local|:cloud|-cloud]
 *
 * `LLAMA3`, `library/llama3`, `https://registry.ollama.ai/library/llama3:latest` and `llama3:local` are all `llama3`. A
 * gateway that compares spellings can be bypassed, so names are compared, and forwarded, in one canonical form: lower
 * case, without defaults. Names of the cloud send the whole body to another company; they have no canonical form.
 *
 * Other servers have plain names. LocalAI takes a name for a regular expression, starts a process for it, and takes `/`
 * for a path on its disk, so its names may hold none of that and are served only if they are in its list.
 */
import type { ServerKind } from '../core/servers.ts'

/** The parts of a name, in lower case and with defaults. */
export interface ModelName {
  readonly host: string
  readonly namespace: string
  readonly model: string
  readonly tag: string
}

const defaults = { host: 'registry.ollama.ai', namespace: 'library', tag: 'latest' }
const maxNameLength = 512

// Go's unicode.IsSpace: unlike String.trim it counts U+0085 and does not count U+FEFF.
const space = '[\\t-\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]+'
const goSpace = new RegExp(`^${space}|${space}$`, 'g')
const namePart = /^[a-z0-9_][a-z0-9_.-]{0,79}$/
// Names at other servers may hold more characters than Ollama's.
const patternPart = /^[a-z0-9_.*@+-]{1,80}$/
const hostPart = /^[a-z0-9_*][a-z0-9_.*-]{0,254}(?::\d{1,5})?$/

/** Parses a name as a caller writes it. Returns undefined if it is no name of a local model. */
export function parseModel(name: string): ModelName | undefined {
  return parse(name, namePart)
}

/** Parses a pattern of the policy, in which `*` matches any characters within one part. */
export function parsePattern(pattern: string): ModelName | undefined {
  return parse(pattern, patternPart)
}

/** Returns the canonical form (`llama3.2`, `qwen3:0.6b`, `hf.co/user/model:q4`), or undefined if it is no local model. */
export function canonicalModel(name: string): string | undefined {
  const parts = parseModel(name)
  return parts && formatModel(parts)
}

const plainName = /^[A-Za-z0-9_][A-Za-z0-9_.:@+-]{0,254}$/
const pathName = /^[A-Za-z0-9_][A-Za-z0-9_.:@+/-]{0,254}$/

/** Returns the canonical form at one kind of server, or undefined if no model there can have that name. */
export function canonicalFor(server: ServerKind, name: string): string | undefined {
  if (server === 'ollama') return canonicalModel(name)
  if (server === 'openai') return pathName.test(name) && !name.includes('//') ? name : undefined
  // LocalAI lists `x:latest` in its Ollama API and does not know that name elsewhere.
  return plainName.test(name) ? name.replace(/:latest$/, '') : undefined
}

/** Returns the canonical form of a parsed name. */
export function formatModel({ host, namespace, model, tag }: ModelName): string {
  const local = host === defaults.host
  const place = local ? (namespace === defaults.namespace ? '' : `${namespace}/`) : `${host}/${namespace}/`
  return place + model + (tag === defaults.tag ? '' : `:${tag}`)
}

function parse(name: string, valid: RegExp): ModelName | undefined {
  if (name.length > maxNameLength) return undefined
  const trimmed = name.replace(goSpace, '')
  // Before lower-casing, which would turn the Kelvin sign into a k.
  if (!/^[\x21-\x7e]+$/.test(trimmed)) return undefined
  let rest = trimmed.toLowerCase()
  if (/[:-]cloud$/.test(rest)) return undefined
  if (rest.endsWith(':local')) rest = rest.slice(0, -':local'.length)
  // The rest is forwarded, and must not get another meaning from a second suffix.
  if (/[:-]cloud$|:local$/.test(rest)) return undefined
  const scheme = rest.indexOf('://')
  if (scheme !== -1) rest = rest.slice(scheme + 3)
  const segments = rest.split('/')
  const [model = '', tag = defaults.tag, ...more] = (segments.pop() ?? '').split(':')
  const namespace = segments.pop() ?? defaults.namespace
  const host = segments.pop() ?? defaults.host
  const sound = [model, tag, namespace].every((part) => valid.test(part)) && hostPart.test(host)
  return sound && more.length === 0 && segments.length === 0 ? { host, namespace, model, tag } : undefined
}
