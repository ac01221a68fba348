/**
 * `GET /v1/responses/:id`: returns a response that the model server has stored to the caller it was given to. For any
 * other caller it does not exist.
 */
import type { FastifyInstance } from 'fastify'
import { isObject, type JsonObject } from '../../core/json.ts'
import { Refusal, refusals } from '../../core/refusal.ts'
import { passThrough, type SettledVerdict } from '../../dialects/common/output-filter.ts'
import { withRequestedModel } from '../../dialects/common/requested-model.ts'
import { serverError } from '../../dialects/common/server-errors.ts'
import type { Dialect, StoredResponse, ToolCall } from '../../dialects/dialect.ts'
import { filterStoredResponse } from '../../dialects/responses/response.ts'
import type { KillSwitch } from '../../kill-switch/kill-switch.ts'
import { type Authenticated, extend } from '../../pipeline/context.ts'
import type { MakeResponseGuard } from '../../pipeline/response/output-guard.ts'
import { judgeTexts } from '../../pipeline/response/tool-calls-in-text.ts'
import { callRights, judgeRight } from '../../pipeline/response/tool-rights.ts'
import { ownerOf, type StoredResponses } from '../../pipeline/stored-responses.ts'
import type { Ask } from '../../upstreams/ask.ts'
import { type LocalRouteParts, registerLocalRoute, serverTimeoutMs } from './local-routes.ts'

/** What the route needs. */
export interface StoredResponseParts {
  readonly localRoute: LocalRouteParts
  readonly ask: Ask
  readonly stored: StoredResponses
  readonly freezes: KillSwitch
  readonly makeResponseGuard: MakeResponseGuard
}

/** Registers the route. */
export function registerStoredResponse(
  app: FastifyInstance,
  dialect: Dialect,
  endpoint: StoredResponse,
  { localRoute, ask, stored, freezes, makeResponseGuard }: StoredResponseParts,
): void {
  const destination = { dialect, endpoint }
  registerLocalRoute(app, dialect, endpoint, localRoute, async ({ context, writer }) => {
    const admitted = await localRoute.pipeline.enter(context, destination, writer)
    const id = writer.parameter
    const found = await stored.find(ownerOf(admitted), id)
    const { policy, role } = admitted
    const upstream = policy.upstreams.find(({ name }) => name === found?.upstream)
    if (!found || !upstream || !role.mayUse(found.model.served, upstream.kind)) throw new Refusal('not_found')
    if (freezes.holdsModel(found.model.served, upstream.kind)) throw new Refusal('frozen')
    extend(admitted, { upstream })
    const { status, body } = await ask(upstream, endpoint.serverPath(id), serverTimeoutMs)
    if (status === 404) throw new Refusal('not_found')
    if (status !== 200 || !isObject(body)) throw serverError(status === 200 ? 502 : status, '')
    const answer = withoutReason(withRequestedModel(body, found.model))
    // What was cut out of a response must not be available by requesting it again.
    const responseGuard = makeResponseGuard(admitted, {
      systemPrompt: '',
      canary: undefined,
      isUnread: false,
    })
    extend(admitted, { responseGuard })
    const filter = responseGuard?.filter ?? passThrough
    const judge = callJudgeFor(admitted)
    filterStoredResponse(answer, found.model, judge ? judgeTexts(filter, judge) : filter, judge)
    return { type: 'application/json', text: JSON.stringify(answer) }
  })
}

const notAllowed = 'A tool call was removed here: this key may not make it, or it needs an approval.'

/** Judges calls by the caller's present rights. An approval was for the response in which the call was made, and no other. */
function callJudgeFor(request: Authenticated) {
  if (!callRights(request) || request.role.observesTools) return undefined
  return (call: ToolCall): SettledVerdict =>
    judgeRight(request, call).kind === 'allowed' ? { kind: 'pass' } : { kind: 'strip', note: notAllowed }
}

/** Replaces the server's error message, which may contain paths and addresses. */
function withoutReason(answer: JsonObject): JsonObject {
  return isObject(answer.error)
    ? { ...answer, error: { code: 'server_error', message: refusals.upstream_failed.message } }
    : answer
}
