/**
 * Tool calls in answers of the Responses API, kept until somebody has judged them. An item that passes leaves as it
 * came; a message stands where one was taken out, under the same index, and in the answer that is told again at the end.
 */
import { isObject, type JsonObject, type JsonValue } from '../core/json.ts'
import { idOf, type ToolCall } from './dialect.ts'
import type { SettledVerdict } from './passage.ts'

interface Kept {
  readonly events: JsonObject[]
  readonly item: JsonObject
  readonly call: ToolCall
}

export class ResponsesCalls {
  /** Events of items that are not complete, by the item's index. */
  readonly #open = new Map<JsonValue, JsonObject[]>()
  /** What was said of each call: at the end it comes once more, under other ids with some servers. */
  readonly #verdicts = new Map<string, SettledVerdict>()
  #judged: Kept[] = []

  /** Keeps an event if it is part of a call that goes on. @returns whether it did */
  take(event: JsonObject): boolean {
    const index = event.output_index ?? 0
    if (event.type === 'response.output_item.added' && isCall(event.item)) {
      this.#open.set(index, [event])
      return true
    }
    const kept = this.#open.get(index)
    const isPart = /^response\.(?:function_call_arguments|custom_tool_call_input)\./.test(String(event.type))
    if (!kept || !isPart) return false
    kept.push(event)
    return true
  }

  /** Calls that this event, or this whole answer, completes and that nobody has judged yet. */
  complete(event: JsonObject): ToolCall[] {
    if (event.type === 'response.output_item.done' && isCall(event.item)) {
      const index = event.output_index ?? 0
      const events = [...(this.#open.get(index) ?? []), event]
      this.#open.delete(index)
      this.#judged = [{ events, item: event.item, call: callOf(event.item) }]
    } else {
      const output = isObject(event.response) ? event.response.output : event.output
      this.#judged = (Array.isArray(output) ? output : [])
        .filter(isCall)
        .filter((item) => !this.#verdicts.has(keyOf(callOf(item))))
        .map((item) => ({ events: [], item, call: callOf(item) }))
    }
    return this.#judged.map(({ call }) => call)
  }

  /** @returns the events that leave, in order */
  settle(verdicts: readonly SettledVerdict[]): JsonObject[] {
    const events = this.#judged.flatMap(({ events, item, call }, position): JsonObject[] => {
      const verdict = verdicts[position] ?? { kind: 'pass' }
      this.#verdicts.set(keyOf(call), verdict)
      const [first] = events
      return verdict.kind === 'strip' && first ? noteEvents(first, noteFor(item, verdict.note)) : events
    })
    this.#judged = []
    return events
  }

  /** Puts a message in the place of each call that was taken out. @returns whether there was one */
  replaceIn(output: JsonValue[]): boolean {
    let changed = false
    for (const [index, item] of output.entries()) {
      if (!isCall(item)) continue
      const verdict = this.#verdicts.get(keyOf(callOf(item)))
      if (verdict?.kind !== 'strip') continue
      output[index] = noteFor(item, verdict.note)
      changed = true
    }
    return changed
  }
}

export function isCall(item: JsonValue | undefined): item is JsonObject {
  return isObject(item) && (item.type === 'function_call' || item.type === 'custom_tool_call')
}

export function callOf(item: JsonObject): ToolCall {
  return {
    ...idOf(item.call_id),
    name: String(item.name),
    arguments: String(item.arguments ?? item.input ?? ''),
  }
}

function keyOf(call: ToolCall): string {
  return JSON.stringify([call.name, call.arguments])
}

function noteFor(item: JsonObject, note: string): JsonObject {
  const content = [{ type: 'output_text', text: note, annotations: [] }]
  return {
    id: `msg_${item.id ?? item.call_id}`,
    type: 'message',
    role: 'assistant',
    status: 'completed',
    content,
  }
}

/** What a server says of a message that comes in one piece. */
function noteEvents({ output_index, sequence_number }: JsonObject, item: JsonObject): JsonObject[] {
  const [part] = item.content as JsonObject[]
  const text = String(part?.text)
  const item_id = item.id ?? ''
  const at = { output_index: output_index ?? 0, sequence_number: sequence_number ?? 0 }
  const inPart = { ...at, item_id, content_index: 0 }
  const empty = { type: 'output_text', text: '', annotations: [] }
  return [
    { type: 'response.output_item.added', ...at, item: { ...item, status: 'in_progress', content: [] } },
    { type: 'response.content_part.added', ...inPart, part: empty },
    { type: 'response.output_text.delta', ...inPart, delta: text },
    { type: 'response.output_text.done', ...inPart, text },
    { type: 'response.content_part.done', ...inPart, part: { ...part } },
    { type: 'response.output_item.done', ...at, item: structuredClone(item) },
  ]
}
