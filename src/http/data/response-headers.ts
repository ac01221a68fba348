/**
 * The gate's own headers on an answer. A model server's headers are not passed on, but for the content type.
 */
import type { Refusal } from '../../core/refusal.ts'
import type { Outgoing } from '../../dialects/dialect.ts'
import { type RateLimitStatus, tightest } from '../../limits/store.ts'
import type { RequestContext } from '../../pipeline/context.ts'

export type ResponseHeaders = Record<string, string>

export const guardsHeader = 'x-torwart-guards'

export function responseHeaders(context: RequestContext): ResponseHeaders {
  const { incoming, admitted, call, reserved } = context
  const headers: ResponseHeaders = {
    'x-request-id': incoming.id,
    [guardsHeader]: guardSummary(context),
    'x-content-type-options': 'nosniff',
  }
  if (incoming.dialect.idHeader !== undefined) headers[incoming.dialect.idHeader] = incoming.id
  const admission = admitted?.admission
  const reservation = reserved?.reservation
  const requests = tightest(admission?.standing, reservation?.requests)
  if (requests) addRateLimitHeaders(headers, 'requests', requests)
  if (reservation?.tokens) addRateLimitHeaders(headers, 'tokens', reservation.tokens)
  // Every gateway for itself: several together let more through than the policy says.
  if (admission?.local || reservation?.local) headers['x-torwart-limits'] = 'local'
  if (call && call.outgoing.clamped.length > 0)
    headers['x-torwart-clamped'] = call.outgoing.clamped.join(', ')
  const leftOut = call ? leftOutOf(call.outgoing) : []
  if (leftOut.length > 0) headers['x-torwart-left-out'] = leftOut.join(', ')
  return headers
}

/** Tools by the name that their caller gave them, of which a header must be able to hold it. */
const tool = /^tools\[([a-z_][\w.:/-]{0,63})\]$/i
const maxNamed = 32

/** What a client would look for in vain: tools, and what a conversation goes on from. */
function leftOutOf({ leftOut = [], dropped }: Pick<Outgoing, 'leftOut' | 'dropped'>): string[] {
  const tools = dropped.flatMap((path) => tool.exec(path)?.[1] ?? [])
  return [...new Set([...leftOut, ...tools])].slice(0, maxNamed)
}

export function refusalHeaders(context: RequestContext, refusal: Refusal): ResponseHeaders {
  const headers = responseHeaders(context)
  headers['x-torwart-code'] = refusal.code
  if (refusal.retryAfterSeconds !== undefined) headers['retry-after'] = String(refusal.retryAfterSeconds)
  if (refusal.final) headers['x-should-retry'] = 'false'
  if (refusal.code === 'invalid_credentials') headers['www-authenticate'] = 'Bearer'
  return headers
}

/**
 * `prompt=allow`, or `none`: a guard that did not run is not named. One that is still reading is `running`; at the end of
 * a stream the header comes once more, as a trailer.
 */
export function guardSummary({ inspected, output }: RequestContext, running = false): string {
  const named = (inspected?.guards ?? []).map(([guard, verdict]) => `${guard}=${verdict}`)
  if (output && running && output.verdict !== 'unread') named.push('output=running')
  else if (output?.verdict) named.push(`output=${output.verdict}`)
  if (output && output.planted.length > 0) named.push('canary=planted')
  return named.join(', ') || 'none'
}

/** What clients of hosted APIs already read; `reset` in whole seconds. */
function addRateLimitHeaders(
  headers: ResponseHeaders,
  what: 'requests' | 'tokens',
  { limit, remaining, resetMs }: RateLimitStatus,
) {
  headers[`x-ratelimit-limit-${what}`] = String(limit)
  headers[`x-ratelimit-remaining-${what}`] = String(remaining)
  headers[`x-ratelimit-reset-${what}`] = String(Math.ceil(resetMs / 1000))
}
