/**
 * Log probabilities repeat an answer token by token, with the bytes of each: they leave only beside a text that leaves
 * as it came, and only if they spell that text. What a model might have said instead (`top_logprobs`) is one token long
 * and leaves with them.
 */
import { isObject, type JsonObject, type JsonValue } from '../core/json.ts'
import type { Edits } from './passage.ts'

/**
 * Takes `holder[field]` out unless it spells `said`.
 * @param changed whether something else than `said` leaves
 */
export function keepLogprobs(
  holder: JsonObject,
  field: string,
  said: string,
  changed: boolean,
  edits: Edits,
): void {
  const logprobs = holder[field]
  if (logprobs === undefined || logprobs === null) return
  if (Array.isArray(logprobs) && logprobs.length === 0) return
  if (changed || spelled(logprobs) !== said) edits.put(holder, field, logprobs, undefined)
}

function spelled(logprobs: JsonValue): string | undefined {
  if (Array.isArray(logprobs)) return spell(logprobs)
  if (!isObject(logprobs)) return undefined
  // Chat completions have objects, completions parallel lists.
  const { content, tokens, refusal } = logprobs
  if (refusal !== undefined && refusal !== null) return undefined
  if (Array.isArray(content)) return spell(content)
  return Array.isArray(tokens) ? tokens.join('') : undefined
}

function spell(tokens: readonly JsonValue[]): string | undefined {
  let text = ''
  for (const token of tokens) {
    if (!isObject(token) || typeof token.token !== 'string') return undefined
    text += token.token
  }
  return text
}
