/**
 * Log probabilities repeat an answer token by token, with the bytes of each: they leave only beside a text that leaves
 * as it came, and only if they spell that text, in tokens and in bytes. What a model might have said instead
 * (`top_logprobs`) is one token long and leaves with them.
 */
import { isObject, type JsonObject, type JsonValue, stringOf } from '../../core/json.ts'
import type { Edits } from './output-filter.ts'

/** UTF-16 code units of a token; a longer one is a text. */
const maxTokenLength = 128
/** Of one that was not said. */
const maxUnsaidLength = 12
const utf8 = new TextEncoder()

/**
 * Takes `holder[field]` out unless it spells `said`; and while something else than `said` leaves (`changed`), puts it
 * aside.
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

/** A token whose bytes, if it says any, are its own, and that says nothing else. */
function isToken(value: JsonValue): boolean {
  if (!isObject(value) || !isShort(value.token)) return false
  if (Object.keys(value).some((key) => !tokenFields.has(key))) return false
  if (typeof value.logprob !== 'number' || !isNumberOrNone(value.id)) return false
  return isSpelledBy(value.token, value.bytes)
}

/** What was not said, no text is there to hold it against: it is too short for a secret, or has no number in it. */
function isOtherToken(value: JsonValue): boolean {
  return isToken(value) && isObject(value) && isHarmless(stringOf(value.token))
}

function isHarmless(token: string): boolean {
  return token.length <= maxUnsaidLength || !/[\d@]/.test(token)
}

/** Half a character has no bytes of its own in UTF-8: the token then holds U+FFFD, and the bytes may be what they are. */
function isSpelledBy(token: string, bytes: JsonValue | undefined): boolean {
  if (bytes === undefined || bytes === null) return true
  if (!Array.isArray(bytes) || bytes.length > 4 * maxTokenLength) return false
  if (token.includes('\ufffd'))
    return bytes.length <= 4 * token.length && bytes.every((byte) => Number(byte) >= 0x80)
  const own = utf8.encode(token)
  return own.length === bytes.length && own.every((byte, index) => byte === bytes[index])
}

/** `tokens`, `token_logprobs`, `top_logprobs` (a map for each token) and `text_offset`. */
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
