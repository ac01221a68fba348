/** Events that hold nothing but the next piece of a text, which are most of a stream. */
import { isObject, type JsonObject } from '../../core/json.ts'
import { hasOnly, type PieceOfText } from '../common/repeated-frames.ts'

const ofEvent = new Set(['type', 'index', 'delta'])
const kinds = {
  text_delta: { field: 'text', kind: 'content' },
  thinking_delta: { field: 'thinking', kind: 'thinking' },
} as const

/** Finds the piece of an event of the Messages API; undefined: the event holds more, or less. */
export function pieceOfEvent(event: JsonObject): PieceOfText | undefined {
  const { type, index, delta } = event
  if (type !== 'content_block_delta' || !hasOnly(event, ofEvent) || !isObject(delta)) return undefined
  const known = delta.type === 'text_delta' || delta.type === 'thinking_delta' ? kinds[delta.type] : undefined
  if (!known || !hasOnly(delta, new Set(['type', known.field]))) return undefined
  const text = delta[known.field]
  if (typeof text !== 'string' || text === '') return undefined
  return { holder: delta, ...known, channel: `${index}/${known.field}` }
}
