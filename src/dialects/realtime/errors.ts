/** Refusals as events, which name the key of the policy behind them. */
import type { JsonObject } from '../../core/json.ts'
import type { RefusalCode } from '../../core/refusal.ts'
import type { PublicError } from '../dialect.ts'

const keys: Partial<Record<RefusalCode, string>> = {
  prompt_blocked: 'guards.prompt',
  output_blocked: 'guards.output',
  tool_not_allowed: 'tools',
  approval_denied: 'tools.approve',
  route_not_allowed: 'routes',
  model_not_allowed: 'models',
  model_quarantined: 'modelTrust',
  body_too_large: 'caps.body',
  too_much_to_scan: 'guards.budget',
  rate_limited: 'limits.requestsPerMinute',
  tokens_exhausted: 'limits.tokensPerMinute',
  too_many_concurrent: 'limits.concurrent',
  breaker_open: 'limits.actionsPerMinute',
  repetition: 'limits.repetition',
}

/** Returns the event that tells a client of a refusal. @param eventId of the event that was refused */
export function refusalEvent(
  { code, message, status }: Pick<PublicError, 'code' | 'message' | 'status'>,
  eventId?: string,
): JsonObject {
  const error = { type: typeOf(status), code, message, param: keys[code] ?? null, event_id: eventId ?? null }
  return { type: 'error', error }
}

/** Returns OpenAI's type of an error. @param status of HTTP */
export function typeOf(status: number): string {
  return status < 500 ? 'invalid_request_error' : 'server_error'
}
