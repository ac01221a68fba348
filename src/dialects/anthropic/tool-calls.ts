/**
 * Tool calls in events of the Messages API, kept until somebody has judged them: a block that passes leaves as it came,
 * a block of text stands where one was taken out.
 */
import { isObject, type JsonObject, type JsonValue, stringOf } from '../../core/json.ts'
import { HeldSize, maxHeldFrames, type SettledVerdict } from '../common/output-filter.ts'
import { malformed } from '../common/response-schema.ts'
import { optionalId, type ToolCall } from '../dialect.ts'
import type { Frame } from '../framing/framing.ts'

interface Kept {
  readonly index: JsonValue
  readonly events: JsonObject[]
  readonly block: JsonObject
  pieces: string
}

export class AnthropicToolCalls {
  readonly #open = new Map<JsonValue, Kept>()
  readonly #size = new HeldSize()
  #judged: Kept[] = []
  #passed = 0
  #stripped = 0

  /** Code units of the events that are kept here. */
  get held(): number {
    return this.#size.length
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
      this.#size.add(frame)
      this.#open.set(index, { index, events: [event], block, pieces: '' })
      return true
    }
    if (event.type !== 'content_block_delta') return false
    const kept = this.#open.get(index)
    const piece = stringOf(isObject(event.delta) ? event.delta.partial_json : undefined)
    if (!kept) {
      if (piece !== '') malformed('a piece of a call that is over, or never began')
      return false
    }
    this.#size.add(frame)
    if (kept.events.length < maxHeldFrames || !joinedTo(kept.events.at(-1), piece)) kept.events.push(event)
    kept.pieces += piece
    return true
  }

  /** Calls that this event completes: the end of their block, or of the message. */
  complete(event: JsonObject): ToolCall[] {
    const ends = event.type === 'content_block_stop'
    if (!ends && event.type !== 'message_delta' && event.type !== 'message_stop') return []
    this.#judged = [...this.#open.values()].filter(({ index }) => !ends || index === (event.index ?? 0))
    for (const { index, events } of this.#judged) {
      this.#open.delete(index)
      events.push({ type: 'content_block_stop', index })
    }
    return this.#judged.map(({ block, pieces }) => {
      const call = callOf(block)
      if (pieces === '') return call
      // One that says its input twice could be read in two ways: it calls nothing that has a name.
      return call.arguments === '{}' ? { ...call, arguments: pieces } : { ...call, name: '' }
    })
  }

  /** @returns the events that leave, in order */
  settle(verdicts: readonly SettledVerdict[]): JsonObject[] {
    const events = this.#judged.flatMap(({ index, events }, position): JsonObject[] => {
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
    this.#judged = []
    if (this.#open.size === 0) this.#size.clear()
    return events
  }
}

/** @returns whether there was a piece to put it to */
function joinedTo(last: JsonObject | undefined, piece: string): boolean {
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
