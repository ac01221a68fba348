/** May the caller of a recorded request use its model? Asked of the step that asks it of every request. */
import type { ServerKind } from '../../core/servers.ts'
import type { Exchange, Prompt } from '../../dialects/dialect.ts'
import type { Upstream } from '../../policy/policy.ts'
import { createAllowed } from '../../upstreams/allowed.ts'
import type { Fleet, Target } from '../../upstreams/fleet.ts'
import { type Authenticated, type Authorised, extend, type Parsed } from '../context.ts'
import { createAuthoriseModel } from '../request/authorise.ts'
import type { RecordedRequest } from './recorded-request.ts'
import { Unknown } from './unknown.ts'

/** Freezes are orders of the day and no rules. */
export const noFreezes = { holdsCaller: () => false, holdsModel: () => false }

/** What is asked of the model servers. */
type Servers = Pick<Fleet, 'find' | 'isRemote'>

/** @throws Refusal `model_not_allowed`; Unknown */
export async function authoriseRecordedModel<Context extends Authenticated>(
  request: Context,
  endpoint: Exchange,
  recorded: RecordedRequest,
  fleet: Servers,
): Promise<Context & Authorised> {
  // A file has no name but its digest, which is not what the policy allows.
  if (endpoint.group === 'admin') throw new Unknown('what it changes at the model server is not on record')
  const parsed: Context & Parsed = extend(request, {
    ...{ entry: undefined, admission: undefined },
    ...{ endpoint, prompt: promptOf(recorded) },
  })
  const authoriseModel = createAuthoriseModel({
    fleet,
    // Which versions are trusted, and which conversations are stored, is taken to be as it was.
    models: { admits: () => true, doubt: () => undefined },
    stored: { find: async () => undefined },
    freezes: noFreezes,
  })
  return extend(parsed, await authoriseModel(parsed))
}

/** Model servers that have whatever they are asked for. */
export const everyServer: Servers = serversThat(() => true)

/** The model servers, as far as a record knows them. */
export function serversOf({ model, upstream }: RecordedRequest): Servers {
  // An Ollama is asked for what it does not list; others are known to have only what they had.
  return serversThat(
    (kind, name, members) =>
      kind === 'ollama' || (model?.served === name && members.some((each) => each.name === upstream)),
  )
}

type HasModel = (kind: ServerKind, model: string, members: readonly Upstream[]) => boolean

function serversThat(hasModel: HasModel): Servers {
  return {
    isRemote: () => false,
    async find(asked, role, policy, served) {
      let isUnsure = false
      for (const { kind, model: name, members } of allowed(asked, role, policy)) {
        if (served?.includes(kind) === false) continue
        const [first, ...others] = members
        if (first && hasModel(kind, name, members))
          return {
            server: kind,
            model: name,
            listed: false,
            digest: null,
            upstreams: [first, ...others],
          } satisfies Target
        isUnsure = true
      }
      if (isUnsure) throw new Unknown('whether a model server has the model is not on record')
      return undefined
    },
  }
}

const allowed = createAllowed()

function promptOf({ texts, unread, model }: RecordedRequest): Prompt {
  return {
    ...{ model: model?.asked ?? '', stream: false, texts: texts ?? [], unread },
    ...{ tools: [], definitions: [], results: [], documents: [], dropped: [], clamped: [], body: {} },
    // What is counted is not on record; `narrowing.ts` knows where that matters.
    counts: { images: 0, imageBytes: 0, inputs: 0, stops: 0, schema: 0 },
  }
}
