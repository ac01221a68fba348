/**
 * Maps error responses of the model servers to refusals in our own words. Known messages are rephrased; of others only
 * what `server-reasons.ts` accepts is passed on.
 */
import { Refusal } from '../../core/refusal.ts'
import { namesField, reasonOf } from './server-reasons.ts'

const knownErrors: readonly (readonly [RegExp, string])[] = [
  [/does not support thinking/, 'This model does not support thinking.'],
  [/does not support tools/, 'This model does not support tools.'],
  [/does not support insert/, 'This model does not support a suffix.'],
  [/does not support (?:embeddings|generate|chat|completion)/, 'This model does not support this route.'],
  [
    /does not support multimodal|image input is not supported|not support images?/,
    'This model does not support images.',
  ],
  [/exceeds? (?:the )?(?:available |maximum )?context/, 'The prompt is longer than the model’s context.'],
  [
    /invalid (?:json )?schema|failed to parse grammar/,
    'The model server does not support this response format.',
  ],
  [/is disabled and cannot be loaded/, 'The model is disabled on the model server.'],
  [/cloud is disabled/, 'The model runs on another host, which the model server does not use.'],
]

/** Returns the message for a request that its caller can mend, or undefined for a fault of the server. */
function messageFor(status: number, body: string): string | undefined {
  const said = knownErrors.find(([pattern]) => pattern.test(body))?.[1]
  if (said !== undefined) return said
  const reason = reasonOf(body)
  // A 500 is the server's own failure, unless it names a parameter (Ollama's `options`).
  if (status >= 500) return reason && namesField(reason) ? quoteReason(reason) : undefined
  if (!isClientsFault(status)) return undefined
  return reason === undefined ? 'The model server refused the request.' : quoteReason(reason)
}

function quoteReason(reason: string): string {
  return `The model server refused the request: ${reason}.`
}

/** Excludes 401, 403, 407, 408 and 429, which concern the gateway and its server. */
function isClientsFault(status: number): boolean {
  return status >= 400 && status < 500 && ![401, 403, 407, 408, 429].includes(status)
}

/**
 * Makes the refusal for an error response of a model server.
 * @param status 300 or more
 * @param body the beginning of the response, for recognising known messages
 * @param retryAfter the `retry-after` header, if any
 */
export function serverError(status: number, body: string, retryAfter?: string): Refusal {
  const detail = `the model server answered ${status}`
  // A response about a missing model names it; one about an unknown route does not.
  if (status === 404 || status === 405)
    return status === 404 && /model/i.test(body)
      ? new Refusal('model_not_allowed', { detail })
      : new Refusal('not_found', { detail, say: 'The model server does not have this route.' })
  if (status === 429 || status === 503) {
    const seconds = Number(retryAfter)
    const retryAfterSeconds = Number.isInteger(seconds) && seconds > 0 ? Math.min(seconds, 3600) : 1
    return new Refusal('upstream_unavailable', { detail, retryAfterSeconds })
  }
  if (status === 413)
    return new Refusal('body_too_large', {
      detail,
      say: 'The request body is larger than the model server accepts.',
    })
  const say = messageFor(status, body)
  return say === undefined
    ? new Refusal('upstream_failed', { detail })
    : new Refusal('invalid_request', { detail, say })
}
