/** To which text of a response an event belongs, and the events that hold nothing but the next piece of one. */
import { isObject, type JsonObject } from '../../core/json.ts'
import type { TextKind } from '../common/output-filter.ts'
import { hasOnly, type PieceOfText } from '../common/repeated-frames.ts'

/** Returns the key of an event's item: clients go by its index, whatever its id. */
export function itemOf({ item_id, item, output_index }: JsonObject): string {
  return `${output_index ?? item_id ?? (isObject(item) ? item.id : undefined)}/`
}

/** Returns the channel of an event of this type. */
export function channelOf(event: JsonObject, type: string): string {
  const part = event.content_index ?? event.summary_index ?? 0
  return `${itemOf(event)}${part}/${type.replace(/\.(?:delta|done)$/, '')}`
}

/** Returns what the text of an event of this type is. */
export function kindOf(type: string): TextKind {
  if (type.includes('arguments')) return 'arguments'
  if (type.startsWith('response.custom_tool_call_input')) return 'input'
  return type.startsWith('response.reasoning') ? 'thinking' : 'content'
}

const ofDelta = new Set([
  'type',
  'sequence_number',
  'item_id',
  'output_index',
  'content_index',
  'summary_index',
  'delta',
  'logprobs',
])
const types = new Set([
  'response.output_text.delta',
  'response.reasoning_text.delta',
  'response.reasoning_summary_text.delta',
])

/** Finds the piece of an event of the Responses API; undefined: the event holds more, or less. */
export function pieceOfEvent(event: JsonObject): PieceOfText | undefined {
  const { type, delta, logprobs } = event
  if (typeof type !== 'string' || !types.has(type) || !hasOnly(event, ofDelta)) return undefined
  if (typeof delta !== 'string' || delta === '') return undefined
  if (logprobs !== undefined && !(Array.isArray(logprobs) && logprobs.length === 0)) return undefined
  const numbered = event.sequence_number === undefined ? {} : { number: 'sequence_number' }
  return { holder: event, field: 'delta', channel: channelOf(event, type), kind: kindOf(type), ...numbered }
}
