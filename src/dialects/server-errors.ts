/**
 * What the model servers say when they refuse a request, told in our own words. Their texts name Go types,
 * paths and addresses and may quote the prompt, so none of them is passed on; the few a caller can act on are
 * recognised and rephrased.
 */
import { Refusal } from '../core/refusal.ts'

const known: readonly (readonly [RegExp, string])[] = [
  [/does not support thinking/, 'This model does not support thinking.'],
  [/does not support tools/, 'This model does not support tools.'],
  [/does not support insert/, 'This model does not support a suffix.'],
  [/does not support (?:embeddings|generate|chat|completion)/, 'This model cannot do what this route does.'],
  [
    /does not support multimodal|image input is not supported|not support images?/,
    'This model takes no images.',
  ],
  [
    /exceeds? (?:the )?(?:available |maximum )?context/,
    'The prompt is longer than the context of the model.',
  ],
  [/invalid (?:json )?schema|failed to parse grammar/, 'The model server cannot use this answer format.'],
]

/**
 * @param status what the server answered, 300 or more
 * @param body the head of its answer, for recognising known texts
 * @param retryAfter its `retry-after`, if any
 */
export function serverError(status: number, body: string, retryAfter?: string): Refusal {
  const detail = `the model server answered ${status}`
  const say = known.find(([pattern]) => pattern.test(body))?.[1]
  // A missing model is named in the answer; a server that does not know the route knows nothing of models.
  if (status === 404)
    return /model/i.test(body)
      ? new Refusal('model_not_allowed', { detail })
      : new Refusal('not_found', { detail, say: 'The model server does not have this route.' })
  if (status === 429 || status === 503) {
    const seconds = Number(retryAfter)
    const retryAfterSeconds = Number.isInteger(seconds) && seconds > 0 ? Math.min(seconds, 3600) : 1
    return new Refusal('upstream_unavailable', { detail, retryAfterSeconds })
  }
  if (say !== undefined || status === 400 || status === 413 || status === 422)
    return new Refusal('invalid_request', { detail, say: say ?? 'The model server refused this request.' })
  return new Refusal('upstream_failed', { detail })
}
