/** Recognises a model server by what it answers, and lists its models. */
import type { ServerKind } from '../../core/servers.ts'
import { askHttp, memberOf } from '../../doctor/collect/ask.ts'

/** What is known of a model server. */
export interface RecognisedServer {
  readonly kind: ServerKind
  /** Whether it answered at all; if not, the kind is a guess. */
  readonly isThere: boolean
  /** Names of models; empty if it does not tell. */
  readonly models: readonly string[]
}

const maxModels = 50

/** Asks a model server what it is. Takes a second at most. @param origin without a path */
export async function recognise(origin: string): Promise<RecognisedServer> {
  const paths = ['/.well-known/localai.json', '/api/version', '/api/tags', '/v1/models']
  const [localai, version, tags, models] = await Promise.all(paths.map((path) => askHttp(`${origin}${path}`)))
  const kind = localai?.status === 200 ? 'localai' : version?.status === 200 || !models ? 'ollama' : 'openai'
  const listed =
    kind === 'ollama'
      ? namesIn(memberOf(tags?.text ?? '', 'models'), 'name')
      : namesIn(memberOf(models?.text ?? '', 'data'), 'id')
  return {
    kind,
    isThere: [localai, version, tags, models].some((answer) => answer !== undefined),
    models: listed,
  }
}

function namesIn(list: unknown, member: string): string[] {
  if (!Array.isArray(list)) return []
  return list
    .slice(0, maxModels)
    .map((entry: unknown) =>
      typeof entry === 'object' && entry !== null ? Reflect.get(entry, member) : undefined,
    )
    .filter((name) => typeof name === 'string')
}
