/**
 * The lists of LocalAI and of other servers with an OpenAI-compatible API: names, and nothing that tells one version from
 * another. The digests in LocalAI's `/api/tags` are those of the names.
 */
import { isObject } from '../../core/json.ts'
import type { ServerKind } from '../../core/servers.ts'
import { canonicalFor } from '../../models/name.ts'
import type { AskServer, ServedModel } from './served.ts'

/** Lists the names of models; undefined if the list cannot be read. @throws Refusal */
export async function listNames(
  ask: AskServer,
  upstream: string,
  kind: Exclude<ServerKind, 'ollama'>,
): Promise<readonly ServedModel[] | undefined> {
  const list = await ask('/v1/models')
  if (!isObject(list) || !Array.isArray(list.data)) return undefined
  const names = list.data.filter(isObject).flatMap(({ id }) => canonicalFor(kind, String(id ?? '')) ?? [])
  return names.map((name) => ({
    ...{ name, kind, upstream },
    digest: undefined,
    loaded: undefined,
    remote: false,
  }))
}
