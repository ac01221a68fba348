/**
 * Tool calls in events of the Messages API, kept until somebody has judged them: a block that passes leaves as it came,
 * a block of text stands where one was taken out.
 */
import { isObject, type JsonObject, type JsonValue, stringOf } from '../../core/json.ts'
import type { SettledVerdict } from '../common/output-filter.ts'
import { type BufferedCall, CallBuffer } from '../common/parked-calls.ts'
import { malformed } from '../common/response-schema.ts'
import { optionalId, type ToolCall } from '../dialect.ts'
import type { Frame } from '../framing/framing.ts'

interface BufferedBlock extends BufferedCall {
  readonly index: JsonValue
  readonly block: JsonObject
  pieces: string
}

export class AnthropicToolCalls {
  readonly #buffer = new CallBuffer<BufferedBlock>()
  #passed = 0
  #stripped = 0

  /** Code units of the events that are kept here. */
  get held(): number {
    return this.#buffer.held
  }

  /** No call is left of those there were. */
  get allStripped(): boolean {
    return this.#stripped > 0 && this.#passed === 0
  }

  /** Keeps an event if it is part of a call that goes on. @returns whether it did @throws Refusal `upstream_failed` */
  take(event: JsonObject, frame: Frame): boolean {
    const index = event.index ?? 0
    const block = event.content_block
    if (event.type === 'content_block_start' && isObject(block) && isCall(block)) {
      this.#buffer.begin(index, { index, events: [event], block, pieces: '' }, frame)
      return true
    }
    if (event.type !== 'content_block_delta') return false
    const begun = this.#buffer.get(index)
    const piece = stringOf(isObject(event.delta) ? event.delta.partial_json : undefined)
    if (!begun) {
      if (piece !== '') malformed('a piece of a call that is over, or never began')
      return false
    }
    this.#buffer.append(begun, event, frame, (last) => mergePiece(last, piece))
    begun.pieces += piece
    return true
  }

  /** Calls that this event completes: the end of their block, or of the message. */
  complete(event: JsonObject): ToolCall[] {
    const ends = event.type === 'content_block_stop'
    if (!ends && event.type !== 'message_delta' && event.type !== 'message_stop') return []
    const complete = this.#buffer.takeOpen(ends ? (event.index ?? 0) : undefined)
    for (const { index, events } of complete) events.push({ type: 'content_block_stop', index })
    this.#buffer.complete(complete)
    return complete.map(({ block, pieces }) => {
      const call = callOf(block)
      if (pieces === '') return call
      // One that says its input twice could be read in two ways: it calls nothing that has a name.
      return call.arguments === '{}' ? { ...call, arguments: pieces } : { ...call, name: '' }
    })
  }

  /** @returns the events that leave, in order */
  settle(verdicts: readonly SettledVerdict[]): JsonObject[] {
    return this.#buffer.settle(({ index, events }, position) => {
      const verdict = verdicts[position]
      if (verdict?.kind !== 'strip') {
        this.#passed++
        return events
      }
      this.#stripped++
      return [
        { type: 'content_block_start', index, content_block: { type: 'text', text: '' } },
        { type: 'content_block_delta', index, delta: { type: 'text_delta', text: verdict.note } },
        { type: 'content_block_stop', index },
      ]
    })
  }
}

/** @returns whether there was a piece to put it to */
function mergePiece(last: JsonObject | undefined, piece: string): boolean {
  const delta = isObject(last?.delta) ? last.delta : undefined
  if (!delta || typeof delta.partial_json !== 'string') return false
  delta.partial_json += piece
  return true
}

/** `tool_use`, `server_tool_use`, `mcp_tool_use`, and what there may be besides. */
export function isCall({ type }: JsonObject): boolean {
  return typeof type === 'string' && /(?:^|_)(?:use|call)$/i.test(type)
}

/** A call that is whole. */
export function callOf({ id, name, input }: JsonObject): ToolCall {
  return { ...optionalId(id), name: stringOf(name), arguments: JSON.stringify(input ?? {}) }
}
