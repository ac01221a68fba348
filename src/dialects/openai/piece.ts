/** Chunks that hold nothing but the next piece of a text, which are most of a stream. */
import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts'
import type { TextKind } from '../common/output-filter.ts'
import { hasOnly, type PieceOfText } from '../common/repeated-frames.ts'
import { isFinished } from './tool-calls.ts'

const ofChunk = new Set([
  'id',
  'object',
  'created',
  'model',
  'system_fingerprint',
  'service_tier',
  'choices',
  'usage',
])
const ofChoice = new Set(['index', 'delta', 'text', 'logprobs', 'finish_reason'])
const ofDelta = new Set(['role', 'content', 'reasoning', 'reasoning_content', 'refusal'])
const texts = ['content', 'reasoning', 'reasoning_content', 'refusal']

/** Finds the piece of a chunk of (chat) completions; undefined: the chunk holds more, or less. */
export function pieceOfChunk(chunk: JsonObject): PieceOfText | undefined {
  const choice = Array.isArray(chunk.choices) && chunk.choices.length === 1 ? chunk.choices[0] : undefined
  if (!isObject(choice) || !hasOnly(chunk, ofChunk) || !hasOnly(choice, ofChoice)) return undefined
  if (![chunk.usage, choice.logprobs].every(isNone) || isFinished(choice)) return undefined
  const { delta } = choice
  const key = `${choice.index ?? 0}/`
  if (delta === undefined) return pieceIn(choice, ['text'], key)
  return isObject(delta) && choice.text === undefined && hasOnly(delta, ofDelta)
    ? pieceIn(delta, texts, key)
    : undefined
}

/** Of these members one must be a text, and all others empty. */
function pieceIn(holder: JsonObject, fields: readonly string[], key: string): PieceOfText | undefined {
  const [field, ...others] = fields.filter((each) => !isNone(holder[each]) && holder[each] !== '')
  if (field === undefined || others.length > 0 || typeof holder[field] !== 'string') return undefined
  const kind: TextKind = field.startsWith('reasoning') ? 'thinking' : 'content'
  return { holder, field, channel: `${key}${field}`, kind }
}

function isNone(value: JsonValue | undefined): boolean {
  return value === undefined || value === null
}
