/**
 * The gate's own headers on an answer. A model server's headers are not passed on, but for the content type.
 */
import type { Refusal } from '../core/refusal.ts'
import { type Standing, tightest } from '../limits/store.ts'
import type { Course, Inspected } from '../stages/exchange.ts'

export type AnswerHeaders = Record<string, string>

export function answerHeaders({ arrival, admitted, call, inspected, reserved }: Course): AnswerHeaders {
  const headers: AnswerHeaders = {
    'x-request-id': arrival.id,
    'x-torwart-guards': guards(inspected),
    'x-content-type-options': 'nosniff',
  }
  if (arrival.dialect.idHeader !== undefined) headers[arrival.dialect.idHeader] = arrival.id
  const admission = admitted?.admission
  const reservation = reserved?.reservation
  const requests = tightest(admission?.standing, reservation?.requests)
  if (requests) tell(headers, 'requests', requests)
  if (reservation?.tokens) tell(headers, 'tokens', reservation.tokens)
  // Every gateway for itself: several together let more through than the policy says.
  if (admission?.local || reservation?.local) headers['x-torwart-limits'] = 'local'
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
function tell(headers: AnswerHeaders, what: 'requests' | 'tokens', { limit, remaining, resetMs }: Standing) {
  headers[`x-ratelimit-limit-${what}`] = String(limit)
  headers[`x-ratelimit-remaining-${what}`] = String(remaining)
  headers[`x-ratelimit-reset-${what}`] = String(Math.ceil(resetMs / 1000))
}
