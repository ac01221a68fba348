/**
 * The gate's own headers on an answer. A model server's headers are not passed on, but for the content type.
 */
import type { Refusal } from '../core/refusal.ts'
import type { Course, Inspected } from '../stages/exchange.ts'

export type AnswerHeaders = Record<string, string>

export function answerHeaders({ arrival, admitted, call, inspected, reserved }: Course): AnswerHeaders {
  const headers: AnswerHeaders = {
    'x-request-id': arrival.id,
    'x-torwart-guards': guards(inspected),
    'x-content-type-options': 'nosniff',
  }
  if (arrival.dialect.idHeader !== undefined) headers[arrival.dialect.idHeader] = arrival.id
  const requests = admitted?.admission
  if (requests && admitted.limit !== undefined)
    tell(headers, 'requests', admitted.limit, requests.remaining, requests.resetMs)
  const tokens = reserved?.reservation
  if (tokens && Number.isFinite(tokens.limit))
    tell(headers, 'tokens', tokens.limit, tokens.remaining, tokens.resetMs)
  if (call && call.outgoing.clamped.length > 0)
    headers['x-torwart-clamped'] = call.outgoing.clamped.join(', ')
  return headers
}

export function refusalHeaders(course: Course, refusal: Refusal): AnswerHeaders {
  const headers = answerHeaders(course)
  headers['x-torwart-code'] = refusal.code
  if (refusal.retryAfterSeconds !== undefined) headers['retry-after'] = String(refusal.retryAfterSeconds)
  if (refusal.final) headers['x-should-retry'] = 'false'
  if (refusal.code === 'invalid_credentials') headers['www-authenticate'] = 'Bearer'
  return headers
}

/** `prompt=allow`, or `none`: a guard that did not run is not named. */
function guards(inspected: Inspected | undefined): string {
  if (!inspected || inspected.guards.length === 0) return 'none'
  return inspected.guards.map(([guard, verdict]) => `${guard}=${verdict}`).join(', ')
}

/** What clients of hosted APIs already read; `reset` in whole seconds. */
function tell(
  headers: AnswerHeaders,
  what: 'requests' | 'tokens',
  limit: number,
  remaining: number,
  resetMs: number,
) {
  headers[`x-ratelimit-limit-${what}`] = String(limit)
  headers[`x-ratelimit-remaining-${what}`] = String(remaining)
  headers[`x-ratelimit-reset-${what}`] = String(Math.ceil(resetMs / 1000))
}
