/**
 * The error type of the request path, and the table of its codes.
 *
 * The caller reads a refusal's `say`. It therefore never contains text of the caller (except the name of a tool that the
 * request offers), a credential or an address. `detail` and `cause` go to the log only. Any other error is a fault of the
 * gateway and becomes `internal`.
 */

import { errorCode } from './error-code.ts'
import type { JsonObject } from './json.ts'

interface Row {
  readonly status: number
  /** The sentence for the caller, unless the refusal has a more precise one. */
  readonly message: string
  /** Whether retrying is pointless; becomes `x-should-retry: false`. */
  readonly final: boolean
}

/**
 * Status and message by code. Refusals of content are 400 and not 403, because several clients retry 401, 403 and 5xx, and
 * none retries 400 or 404.
 */
export const refusals = {
  invalid_request: { status: 400, message: 'The request is invalid.', final: true },
  prompt_blocked: { status: 400, message: 'The prompt was blocked by policy.', final: true },
  output_blocked: { status: 400, message: 'The response was blocked by policy.', final: true },
  tool_not_allowed: { status: 400, message: 'This key may not use this tool.', final: true },
  approval_denied: { status: 400, message: 'The tool call was not approved.', final: true },
  invalid_credentials: { status: 401, message: 'The credential is missing or invalid.', final: true },
  route_not_allowed: { status: 403, message: 'This key may not use this route.', final: true },
  frozen: { status: 403, message: 'An operator has frozen access.', final: true },
  model_quarantined: {
    status: 403,
    message: 'This is not the version of the model that was locked, so it is quarantined.',
    final: true,
  },
  not_found: { status: 404, message: 'The route or model does not exist.', final: true },
  model_not_allowed: {
    status: 404,
    message: 'The model does not exist, or this key may not use it.',
    final: true,
  },
  method_not_allowed: { status: 405, message: 'The route does not support this method.', final: true },
  body_too_large: { status: 413, message: 'The request body is too large.', final: true },
  too_much_to_scan: {
    status: 413,
    message: 'Inspecting the request and its response takes more work than `guards.budget` allows.',
    final: true,
  },
  unsupported_media_type: {
    status: 415,
    message: 'The request body must be JSON, with `content-type: application/json`.',
    final: true,
  },
  rate_limited: { status: 429, message: 'Too many requests. Try again later.', final: false },
  tokens_exhausted: { status: 429, message: 'The token limit is used up. Try again later.', final: false },
  too_many_concurrent: {
    status: 429,
    message: 'Too many concurrent requests for this key. Try again later.',
    final: false,
  },
  breaker_open: {
    status: 429,
    message: 'The circuit breaker of this key is open. Try again later.',
    final: false,
  },
  repetition: {
    status: 429,
    message: 'The same request was repeated too often. Change it, or try again later.',
    final: false,
  },
  internal: { status: 500, message: 'The gateway failed to handle the request.', final: false },
  upstream_failed: { status: 502, message: 'The model server failed.', final: false },
  upstream_unavailable: {
    status: 503,
    message: 'The model server is unavailable. Try again later.',
    final: false,
  },
  overloaded: { status: 503, message: 'The gateway is overloaded. Try again later.', final: false },
  queue_full: {
    status: 503,
    message: 'The queue for the model server is full. Try again later.',
    final: false,
  },
  store_unavailable: {
    status: 503,
    message: 'The store that counts limits is unavailable. Try again later.',
    final: false,
  },
  audit_unavailable: {
    status: 503,
    message: 'The audit log cannot be written. Try again later.',
    final: false,
  },
  upstream_timeout: { status: 504, message: 'The model server took too long to respond.', final: true },
} as const satisfies Record<string, Row>

/** A code of the table, as clients and records see it. */
export type RefusalCode = keyof typeof refusals

/** Returns whether retrying is pointless: it cannot succeed, or makes a model repeat the same work. */
export function isFinal(code: RefusalCode): boolean {
  return refusals[code].final
}

/** What a refusal says beyond its code. */
export interface RefusalOptions {
  /** The sentence for the caller, in our own words except for the name of a tool. */
  readonly say?: string
  /** A detail for the log. */
  readonly detail?: string
  readonly cause?: unknown
  /** Fields of the error body that a client of the dialect acts on, in our own words. */
  readonly details?: JsonObject
  /** Whole seconds after which a retry may succeed. */
  readonly retryAfterSeconds?: number
}

/** A request that is refused, or a response that is cut off, with a code of the table. */
export class Refusal extends Error {
  readonly code: RefusalCode
  /** The sentence that the caller reads. */
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

  /** The HTTP status of the code. */
  get status(): number {
    return refusals[this.code].status
  }

  /**
   * Whether the client should not retry. Also true for a limit with a wait of more than 30 s, because the current SDKs
   * would otherwise wait silently for the whole `retry-after`, twice.
   */
  get final(): boolean {
    return isFinal(this.code) || (this.status === 429 && (this.retryAfterSeconds ?? 0) > 30)
  }
}

/**
 * Describes an error for the log by its name, code and origin. Leaves out the message, which may quote the input, as
 * messages of `JSON.parse` do.
 */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return error === undefined ? '' : 'not an Error'
  const places = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line))
  return [error.name, errorCode(error), ...places.slice(0, 3).map((place) => place.trim())]
    .filter(Boolean)
    .join(' ')
}

/** Returns a thrown value as a `Refusal`. Anything else becomes `internal`, which tells the caller nothing. */
export function asRefusal(thrown: unknown): Refusal {
  if (thrown instanceof Refusal) return thrown
  return new Refusal('internal', { detail: 'an unexpected error', cause: thrown })
}
