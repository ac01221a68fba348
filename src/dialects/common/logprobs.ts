/**
 * Log probabilities repeat a response token by token, with the bytes of each. They leave only beside a text that leaves
 * unchanged, and only if their tokens and bytes spell that text. The alternatives (`top_logprobs`) are one token each and
 * leave with them.
 */
import { isObject, type JsonObject, type JsonValue, stringOf } from '../../core/json.ts'
import type { Edits } from './output-filter.ts'

/** UTF-16 code units of one token; a longer string is a text. */
const maxTokenLength = 128
/** UTF-16 code units of an alternative. */
const maxUnsaidLength = 12
const utf8 = new TextEncoder()

/**
 * Drops `holder[field]` unless it spells `said`.
 * @param changed whether another text than `said` leaves now; then the field is withheld from this frame
 */
export function filterLogprobs(
  holder: JsonObject,
  field: string,
  said: string,
  changed: boolean,
  edits: Edits,
): void {
  const logprobs = holder[field]
  if (logprobs === undefined || logprobs === null) return
  if (Array.isArray(logprobs) && logprobs.length === 0) return
  if (spelledText(logprobs) !== said) edits.drop(holder, field)
  else if (changed) edits.put(holder, field, logprobs, undefined)
}

function spelledText(logprobs: JsonValue): string | undefined {
  if (Array.isArray(logprobs)) return spell(logprobs)
  if (!isObject(logprobs)) return undefined
  // Chat completions have objects, completions parallel lists.
  const { content, refusal, ...lists } = logprobs
  if (refusal !== undefined && refusal !== null) return undefined
  if (Array.isArray(content)) return Object.keys(lists).length === 0 ? spell(content) : undefined
  return content === undefined ? spellLists(lists) : undefined
}

function spell(tokens: readonly JsonValue[]): string | undefined {
  let text = ''
  for (const each of tokens) {
    if (!isObject(each) || !isToken(each)) return undefined
    const { top_logprobs: others } = each
    const isSound =
      others === undefined || others === null || (Array.isArray(others) && others.every(isOtherToken))
    if (!isSound) return undefined
    text += each.token
  }
  return text
}

const tokenFields = new Set(['token', 'bytes', 'logprob', 'top_logprobs', 'id'])

/** Accepts a token without unknown members whose bytes, if there are any, encode it. */
function isToken(value: JsonValue): boolean {
  if (!isObject(value) || !isShort(value.token)) return false
  if (Object.keys(value).some((key) => !tokenFields.has(key))) return false
  if (typeof value.logprob !== 'number' || !isNumberOrNone(value.id)) return false
  return isSpelledBy(value.token, value.bytes)
}

/** Accepts an alternative, which no text can confirm, if it is too short for a secret or holds no digit. */
function isOtherToken(value: JsonValue): boolean {
  return isToken(value) && isObject(value) && isHarmless(stringOf(value.token))
}

function isHarmless(token: string): boolean {
  return token.length <= maxUnsaidLength || !/[\d@]/.test(token)
}

/** Part of a character is no UTF-8: such a token holds U+FFFD, and its bytes cannot be compared. */
function isSpelledBy(token: string, bytes: JsonValue | undefined): boolean {
  if (bytes === undefined || bytes === null) return true
  if (!Array.isArray(bytes) || bytes.length > 4 * maxTokenLength) return false
  if (token.includes('\ufffd'))
    return bytes.length <= 4 * token.length && bytes.every((byte) => Number(byte) >= 0x80)
  const own = utf8.encode(token)
  return own.length === bytes.length && own.every((byte, index) => byte === bytes[index])
}

/** Reads the form of completions: `tokens`, `token_logprobs`, `top_logprobs` (a map for each token), `text_offset`. */
function spellLists({ tokens, top_logprobs: others, ...numbers }: JsonObject): string | undefined {
  if (!Array.isArray(tokens) || !tokens.every(isShort)) return undefined
  for (const list of Object.values(numbers))
    if (list !== null && !(Array.isArray(list) && list.every(isNumberOrNone))) return undefined
  if (others !== undefined && others !== null) {
    if (!Array.isArray(others)) return undefined
    const isMap = (each: JsonValue) =>
      each === null ||
      (isObject(each) &&
        Object.entries(each).every(
          ([token, value]) => isShort(token) && isHarmless(token) && isNumberOrNone(value),
        ))
    if (!others.every(isMap)) return undefined
  }
  return tokens.join('')
}

function isShort(value: JsonValue | undefined): value is string {
  return typeof value === 'string' && value.length <= maxTokenLength
}

function isNumberOrNone(value: JsonValue | undefined): boolean {
  return value === undefined || value === null || typeof value === 'number'
}
