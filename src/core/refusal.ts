/**
 * The one error type of the request path, and the one table of its codes.
 *
 * A refusal's `say` reaches the caller, so it never holds caller text (but for the name of a tool that this request
 * offers), a credential or an address; `detail` and `cause` are for the log only. An error that is no
 * Refusal is a fault of ours: `internal`.
 */

import { errorCode } from './error-code.ts'
import type { JsonObject } from './json.ts'

interface Row {
  readonly status: number
  /** What the caller reads when nothing more precise is safe to say. */
  readonly message: string
  /** Becomes `x-should-retry: false`; see `isFinal`. */
  readonly final: boolean
}

/**
 * Code → answer. 400 rather than 403 for refusals of content: several clients retry 401, 403 and 5xx,
 * none retries 400 or 404.
 */
export const refusals = {
  invalid_request: { status: 400, message: 'The request is not valid.', final: true },
  prompt_blocked: { status: 400, message: 'The prompt was blocked by policy.', final: true },
  output_blocked: { status: 400, message: 'The answer was blocked by policy.', final: true },
  tool_not_allowed: { status: 400, message: 'A tool is not allowed for this key.', final: true },
  approval_denied: { status: 400, message: 'The tool call was not approved.', final: true },
  invalid_credentials: { status: 401, message: 'The credential is missing or not valid.', final: true },
  route_not_allowed: { status: 403, message: 'This key may not use this route.', final: true },
  frozen: { status: 403, message: 'Access is frozen by an operator.', final: true },
  not_found: { status: 404, message: 'There is no such route or model here.', final: true },
  model_not_allowed: {
    status: 404,
    message: 'The model does not exist or this key may not use it.',
    final: true,
  },
  method_not_allowed: { status: 405, message: 'This route has no such method.', final: true },
  body_too_large: { status: 413, message: 'The body is larger than allowed.', final: true },
  too_much_to_scan: {
    status: 413,
    message: 'Reading the request and its answer takes the guards more work than allowed (`guards.budget`).',
    final: true,
  },
  unsupported_media_type: {
    status: 415,
    message: 'The body must be JSON, with `content-type: application/json`.',
    final: true,
  },
  rate_limited: { status: 429, message: 'Too many requests; try again later.', final: false },
  tokens_exhausted: { status: 429, message: 'The token budget is used up; try again later.', final: false },
  too_many_concurrent: { status: 429, message: 'Too many requests at once for this key.', final: false },
  breaker_open: { status: 429, message: 'The circuit breaker is open; try again later.', final: false },
  repetition: { status: 429, message: 'The same request was repeated too often.', final: false },
  internal: { status: 500, message: 'The gateway failed to handle the request.', final: false },
  upstream_failed: { status: 502, message: 'The model server failed.', final: false },
  upstream_unavailable: { status: 503, message: 'The model server is not available.', final: false },
  overloaded: { status: 503, message: 'The gateway is overloaded; try again later.', final: false },
  queue_full: { status: 503, message: 'The queue is full; try again later.', final: false },
  store_unavailable: { status: 503, message: 'The limit store is not available.', final: false },
  audit_unavailable: { status: 503, message: 'The audit log cannot be written.', final: false },
  upstream_timeout: { status: 504, message: 'The model server took too long.', final: true },
} as const satisfies Record<string, Row>

export type RefusalCode = keyof typeof refusals

/** Whether a client should give up: trying again can never help, or has a model do the same work once more. */
export function isFinal(code: RefusalCode): boolean {
  return refusals[code].final
}

export interface RefusalOptions {
  /** A sentence for the caller, made of our own words, and of such a name at most. */
  readonly say?: string
  /** For the log. */
  readonly detail?: string
  readonly cause?: unknown
  /** What a client of the dialect needs to go on by itself, of our own words only. */
  readonly details?: JsonObject
  /** Whole seconds after which trying again may help. */
  readonly retryAfterSeconds?: number
}

export class Refusal extends Error {
  readonly code: RefusalCode
  /** The sentence the caller reads. */
  readonly say: string
  readonly detail: string | undefined
  readonly details: JsonObject | undefined
  readonly retryAfterSeconds: number | undefined

  constructor(code: RefusalCode, options: RefusalOptions = {}) {
    super(options.detail ?? code, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'Refusal'
    this.code = code
    this.say = options.say ?? refusals[code].message
    this.detail = options.detail
    this.details = options.details
    this.retryAfterSeconds = options.retryAfterSeconds
  }

  get status(): number {
    return refusals[this.code].status
  }

  /**
   * Whether a client should give up. Also true for a limit whose wait is longer than 30 s, since the current
   * SDKs would otherwise sit silent for the whole `retry-after`, twice.
   */
  get final(): boolean {
    return isFinal(this.code) || (this.status === 429 && (this.retryAfterSeconds ?? 0) > 30)
  }
}

/**
 * An error for the log: its kind and where it arose. Not its message, which may quote what was being read, as
 * those of `JSON.parse` do.
 */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return error === undefined ? '' : 'no Error'
  const places = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line))
  return [error.name, errorCode(error), ...places.slice(0, 3).map((place) => place.trim())]
    .filter(Boolean)
    .join(' ')
}

/** Whatever was thrown, as a Refusal: an unknown error is `internal` and tells the caller nothing. */
export function asRefusal(thrown: unknown): Refusal {
  if (thrown instanceof Refusal) return thrown
  return new Refusal('internal', { detail: 'an unexpected error', cause: thrown })
}
