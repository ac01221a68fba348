/**
 * Which models a server has, read from its own list. Ollama's tells digests, and which of its names stand for a
 * model on another host (`remote_host`): those are known so that they are never served.
 */
import { isObject, type JsonObject, type JsonValue } from '../core/json.ts'
import type { ServerKind } from '../core/servers.ts'
import { isRemote } from '../dialects/ollama/fields.ts'
import { canonicalFor } from '../models/name.ts'

/** A model in a server's list. */
export interface Listed {
  /** As the server says it. */
  readonly digest: string | null
  /** The model is on another host: what is sent to it leaves this one. */
  readonly remote: boolean
}

/** By canonical name. */
export type Catalogue = ReadonlyMap<string, Listed>

/** Where each kind of server lists what it has. */
export const cataloguePath: Readonly<Record<ServerKind, string>> = {
  ollama: '/api/tags',
  localai: '/v1/models',
  openai: '/v1/models',
}

/** Reads a server's list of models; undefined if it is none. */
export function readCatalogue(server: ServerKind, body: JsonValue): Catalogue | undefined {
  if (!isObject(body)) return undefined
  const entries = server === 'ollama' ? body.models : body.data
  if (!Array.isArray(entries)) return undefined
  const catalogue = new Map<string, Listed>()
  for (const entry of entries) {
    if (!isObject(entry)) continue
    const name = canonicalFor(server, String(entry.name ?? entry.id ?? ''))
    if (name !== undefined) catalogue.set(name, readListed(entry))
  }
  return catalogue
}

function readListed(entry: JsonObject): Listed {
  const { digest } = entry
  const known = typeof digest === 'string' && /^[\w:.-]{1,160}$/.test(digest)
  return { digest: known ? digest : null, remote: isRemote(entry) }
}

/** Digests of the models that are in memory, by name, from `/api/ps`. */
export function readLoaded(body: JsonValue): ReadonlyMap<string, string | null> {
  const entries = isObject(body) && Array.isArray(body.models) ? body.models.filter(isObject) : []
  return new Map(
    entries.flatMap((entry): [string, string | null][] => {
      const name = canonicalFor('ollama', String(entry.name))
      return name === undefined ? [] : [[name, readListed(entry).digest]]
    }),
  )
}
