/**
 * Lists and facts (`/api/tags`, `/v1/models`, `/api/version` …): every model server with the route is asked, and the caller
 * sees the models that it may use.
 */
import type { FastifyInstance } from 'fastify'
import { asRefusal, Refusal } from '../../core/refusal.ts'
import { serverError } from '../../dialects/common/server-errors.ts'
import { type Dialect, isServedBy, type Listing, type ServerList } from '../../dialects/dialect.ts'
import type { DriftWatch } from '../../model-trust/drift-watch.ts'
import { canonicalFor } from '../../models/name.ts'
import type { Authenticated } from '../../pipeline/context.ts'
import type { Upstream } from '../../policy/policy.ts'
import type { Ask } from '../../upstreams/ask.ts'
import type { Fleet } from '../../upstreams/fleet.ts'
import { type LocalRouteParts, registerLocalRoute, serverTimeoutMs } from './local-routes.ts'

/** What the lists need. */
export interface ListingParts {
  readonly localRoute: LocalRouteParts
  readonly fleet: Fleet
  /** Decides which versions of models are shown. */
  readonly models: Pick<DriftWatch, 'admits'>
  readonly ask: Ask
}

/** Registers the route of a list. */
export function registerListing(
  app: FastifyInstance,
  dialect: Dialect,
  endpoint: Listing,
  { localRoute, fleet, models, ask }: ListingParts,
): void {
  const destination = { dialect, endpoint }

  const answersFor = async (request: Authenticated, asked: string) => {
    const { policy } = request
    const { aliases } = policy
    const upstreams = policy.upstreams.filter(({ kind }) => isServedBy(endpoint, kind))
    if (endpoint.omitsRemoteHosts) await fleet.learn(upstreams.filter(({ kind }) => kind === 'ollama'))
    const isShown = (upstream: Upstream, model: string) =>
      !fleet.isRemote(upstream, model) && models.admits(upstream, model, policy)
    const views = upstreams.map((upstream) =>
      viewOf(request, upstream, aliases.get(asked) ?? asked, (model) => isShown(upstream, model)),
    )
    if (asked !== '' && !views.some(({ mayUseAsked }) => mayUseAsked)) throw new Refusal('model_not_allowed')
    const results = await Promise.allSettled(
      views.map(async ({ upstream, mayUse, isAsked }): Promise<ServerList> => {
        const { status, body } = await ask(upstream, endpoint.serverPath, serverTimeoutMs)
        if (status !== 200) throw serverError(status, '')
        return { body: body ?? null, mayUse, isAsked }
      }),
    )
    const answers = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
    const [failure] = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []))
    if (answers.length === 0) throw asRefusal(failure)
    return { answers, failure: failure === undefined ? undefined : asRefusal(failure) }
  }

  registerLocalRoute(app, dialect, endpoint, localRoute, async ({ context, writer }) => {
    const admitted = await localRoute.pipeline.enter(context, destination, writer)
    const asked = writer.parameter
    const { answers, failure } = await answersFor(admitted, asked)
    const shown = show(endpoint, answers, asked)
    // The model may be at the server that failed.
    if (shown === undefined) throw failure ?? new Refusal('model_not_allowed')
    return { type: 'application/json; charset=utf-8', text: JSON.stringify(shown) }
  })
}

/** Shows the lists. A list that cannot be read is a failure of its server. */
function show(endpoint: Listing, answers: readonly ServerList[], asked: string) {
  try {
    return endpoint.show(answers, asked)
  } catch (cause) {
    throw new Refusal('upstream_failed', { detail: 'the list cannot be read', cause })
  }
}

/** Tells what this caller may see at a server, by canonical name; aliases are in no list. */
function viewOf(
  { role }: Authenticated,
  upstream: Upstream,
  asked: string,
  isShown: (model: string) => boolean,
) {
  const { kind } = upstream
  const wanted = canonicalFor(kind, asked)
  const mayUse = (listed: string) => {
    const model = canonicalFor(kind, listed)
    return model !== undefined && role.mayUse(model, kind) && isShown(model)
  }
  return {
    upstream,
    mayUse,
    mayUseAsked: mayUse(asked),
    isAsked: (listed: string) => wanted !== undefined && canonicalFor(kind, listed) === wanted,
  }
}
