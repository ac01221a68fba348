/** What model servers tell of the models that they serve. One file beside this for each kind of server. */
import type { JsonObject, JsonValue } from '../../core/json.ts'
import type { ServerKind } from '../../core/servers.ts'
import type { ModelFacts, Part } from '../parts.ts'

/** Asks a model server; a `question` is posted. Undefined: the response is no JSON, or not 200. @throws Refusal */
export type AskServer = (path: string, question?: JsonObject) => Promise<JsonValue | undefined>

/** A model in a server's list. */
export interface ServedModel extends ModelFacts {
  /** Canonical for its kind of server. */
  readonly name: string
  readonly kind: ServerKind
  /** Name of the server. */
  readonly upstream: string
  /** 64 hexadecimal digits; undefined: the server does not tell, or stands for another one. */
  readonly digest: string | undefined
  /** The digest of the version in memory, if one is. */
  readonly loaded: string | undefined
  /** The name stands for a model on another host. */
  readonly remote: boolean
}

/** What a model consists of, as its server tells it or its files show. */
export interface Contents extends ModelFacts {
  readonly parts: readonly Part[]
  /** What the weights' own metadata says. */
  readonly metadata: Readonly<Record<string, string>>
}

const maxEntries = 64
const maxValue = 2048
/** What people ask of a model: its name, where it comes from, under which licence, who has quantised it. */
const wanted = /^general\.(?!languages|tags|file_type|alignment|parameter_count)[\w.]{1,100}$/

/** Keeps what is worth keeping of a GGUF file's metadata: texts and numbers about the model as a whole. */
export function metadataIn(told: Readonly<Record<string, unknown>>): Readonly<Record<string, string>> {
  const entries = Object.entries(told).flatMap(([key, value]): [string, string][] => {
    const isWanted = wanted.test(key) && (typeof value === 'string' || typeof value === 'number')
    const text = String(value)
    return isWanted && text !== '' && text.length <= maxValue ? [[key, text]] : []
  })
  return Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)).slice(0, maxEntries))
}

/** Returns the members that are there. */
export function presentIn<T extends object>(facts: { [K in keyof T]: T[K] | undefined }): Partial<T> {
  const entries = Object.entries(facts).filter(([, value]) => value !== undefined && value !== '')
  return Object.fromEntries(entries) as Partial<T>
}
