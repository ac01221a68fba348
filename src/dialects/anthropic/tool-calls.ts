/**
 * Tool calls in the events of the Messages API, held until they were judged. A block that passes leaves as it came; a
 * text block replaces one that was stripped.
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

/** Holds the tool calls of one stream. */
export class AnthropicToolCalls {
  readonly #buffer = new CallBuffer<BufferedBlock>()
  #passed = 0
  #stripped = 0

  /** UTF-16 code units of the events that are held. */
  get held(): number {
    return this.#buffer.held
  }

  /** There were calls, and all of them were stripped. */
  get allStripped(): boolean {
    return this.#stripped > 0 && this.#passed === 0
  }

  /** Holds an event if it is part of an open call. @returns whether it was @throws Refusal `upstream_failed` */
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
      if (piece !== '') malformed('a fragment of a tool call that has ended or was never started')
      return false
    }
    this.#buffer.append(begun, event, frame, (last) => mergePiece(last, piece))
    begun.pieces += piece
    return true
  }

  /** Returns the calls that this event completes, as the end of their block or of the message. */
  complete(event: JsonObject): ToolCall[] {
    const ends = event.type === 'content_block_stop'
    if (!ends && event.type !== 'message_delta' && event.type !== 'message_stop') return []
    const complete = this.#buffer.takeOpen(ends ? (event.index ?? 0) : undefined)
    for (const { index, events } of complete) events.push({ type: 'content_block_stop', index })
    this.#buffer.complete(complete)
    return complete.map(({ block, pieces }) => {
      const call = callOf(block)
      if (pieces === '') return call
      // Input in two places could be read in two ways, so the call counts as one of no known tool.
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

/** Appends a piece to the last delta. @returns whether there was one */
function mergePiece(last: JsonObject | undefined, piece: string): boolean {
  const delta = isObject(last?.delta) ? last.delta : undefined
  if (!delta || typeof delta.partial_json !== 'string') return false
  delta.partial_json += piece
  return true
}

/** Tells whether a block is a call: `tool_use`, `server_tool_use`, `mcp_tool_use` and any type named like them. */
export function isCall({ type }: JsonObject): boolean {
  return typeof type === 'string' && /(?:^|_)(?:use|call)$/i.test(type)
}

/** Returns the call of a whole block. */
export function callOf({ id, name, input }: JsonObject): ToolCall {
  return { ...optionalId(id), name: stringOf(name), arguments: JSON.stringify(input ?? {}) }
}
