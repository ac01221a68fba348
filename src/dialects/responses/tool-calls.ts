/**
 * Tool calls in responses of the Responses API, held until they were judged. An item that passes leaves as it came; a
 * message with the same index replaces one that was stripped, and again in the response that ends the stream.
 */
import { isObject, type JsonObject, type JsonValue, objectsIn, stringOf } from '../../core/json.ts'
import type { SettledVerdict } from '../common/output-filter.ts'
import { type BufferedCall, CallBuffer } from '../common/parked-calls.ts'
import { malformed } from '../common/response-schema.ts'
import { optionalId, type ToolCall } from '../dialect.ts'
import type { Frame } from '../framing/framing.ts'

interface BufferedItem extends BufferedCall {
  readonly item: JsonObject
}

/** Matches the types of events about a call that is being written. */
const ofCall = /_call[_.]/

/** Holds the tool calls of one response. */
export class ResponsesToolCalls {
  readonly #buffer = new CallBuffer<BufferedItem>()
  /** The verdicts on each call, those of equal ones in order: the last event repeats the calls, often with other ids. */
  readonly #verdicts = new Map<string, SettledVerdict[]>()

  /** UTF-16 code units of the events that are held. */
  get held(): number {
    return this.#buffer.held
  }

  /** Holds an event if it is part of an open call. @returns whether it was @throws Refusal `upstream_failed` */
  take(event: JsonObject, frame: Frame): boolean {
    const index = event.output_index ?? 0
    if (event.type === 'response.output_item.added' && isCall(event.item)) {
      this.#buffer.begin(index, { events: [event], item: event.item }, frame)
      return true
    }
    if (event.type === 'response.output_item.done') return false
    const begun = event.output_index === undefined ? this.#openBy(event.item_id) : this.#buffer.get(index)
    if (!begun && ofCall.test(String(event.type)))
      malformed('a fragment of a tool call that has ended or was never started')
    if (!begun) return false
    this.#buffer.append(begun, event, frame, (last) => mergeDelta(last, event))
    return true
  }

  /** Finds the call of an event that has the id of its item and no index. */
  #openBy(id: JsonValue | undefined): BufferedItem | undefined {
    return typeof id === 'string' ? this.#buffer.find(({ item }) => item.id === id) : undefined
  }

  /** Returns the calls that this event, or whole response, completes and that were not judged yet. */
  complete(event: JsonObject): ToolCall[] {
    if (event.type === 'response.output_item.done' && isCall(event.item)) {
      const index = event.output_index ?? 0
      const events = [...this.#buffer.takeOpen(index).flatMap((begun) => begun.events), event]
      this.#buffer.complete([{ events, item: event.item }])
      const call = callOf(event.item)
      return [eventsAgree(events, event.item, call) ? call : { ...call, name: '' }]
    }
    const output = isObject(event.response) ? event.response.output : event.output
    const unjudged = this.#saidOf(Array.isArray(output) ? output : []).filter(({ verdict }) => !verdict)
    this.#buffer.complete(unjudged.map(({ item }) => ({ events: [], item })))
    return unjudged.map(({ call }) => call)
  }

  /** @returns the events that leave, in order */
  settle(verdicts: readonly SettledVerdict[]): JsonObject[] {
    return this.#buffer.settle(({ events, item }, position) => {
      const verdict = verdicts[position] ?? { kind: 'pass' }
      const key = keyOf(callOf(item))
      const said = this.#verdicts.get(key)
      if (said) said.push(verdict)
      else this.#verdicts.set(key, [verdict])
      const [first] = events
      return verdict.kind === 'strip' && first ? noteEvents(first, noteFor(item, verdict.note)) : events
    })
  }

  /** Replaces each stripped call by its note. @returns whether there was one */
  replaceIn(output: JsonValue[]): boolean {
    let changed = false
    for (const { index, item, verdict } of this.#saidOf(output)) {
      if (verdict?.kind !== 'strip') continue
      output[index] = noteFor(item, verdict.note)
      changed = true
    }
    return changed
  }

  /** Returns the calls of a response with their earlier verdicts; one that occurs more often than it was judged has none. */
  #saidOf(output: readonly JsonValue[]) {
    const counts = new Map<string, number>()
    return [...output.entries()].flatMap(([index, item]) => {
      if (!isCall(item)) return []
      const call = callOf(item)
      const key = keyOf(call)
      const count = counts.get(key) ?? 0
      counts.set(key, count + 1)
      return [{ index, item, call, verdict: this.#verdicts.get(key)?.[count] }]
    })
  }
}

/** Returns the items of a whole response, with a note in the place of each call that is stripped. */
export function withoutCalls(
  output: readonly JsonValue[],
  judge: (call: ToolCall) => SettledVerdict,
): JsonValue[] {
  return output.map((item) => {
    if (!isCall(item)) return item
    const verdict = judge(callOf(item))
    return verdict.kind === 'strip' ? noteFor(item, verdict.note) : item
  })
}

/** Appends a delta to the last event. @returns false if that is of another type */
function mergeDelta(last: JsonObject | undefined, { type, delta }: JsonObject): boolean {
  if (typeof delta !== 'string' || last?.type !== type || typeof last?.delta !== 'string') return false
  last.delta += delta
  return true
}

/** Tells whether an item is a call of a function, a custom tool, a shell, an MCP server or anything named like these. */
export function isCall(item: JsonValue | undefined): item is JsonObject {
  if (!isObject(item)) return false
  return /(?:^|_)(?:call|use|approval_request)$/i.test(stringOf(item.type)) || argumentsIn(item) !== ''
}

/** Returns the arguments of a call, which events repeat. */
function argumentsIn({ arguments: args, input, code }: JsonObject): string {
  return stringOf(args ?? input ?? code)
}

/** Returns the call of an item. A call without a name is judged by its type, with the whole item as its arguments. */
export function callOf(item: JsonObject): ToolCall {
  const { type, call_id, name, arguments: args, input } = item
  const known = type === 'function_call' || type === 'custom_tool_call'
  if (!known)
    return { ...optionalId(call_id), name: stringOf(name) || String(type), arguments: JSON.stringify(item) }
  // Arguments in two places could be read in two ways, so the call counts as one of no known tool.
  const isTwofold = args !== undefined && input !== undefined
  const judged = {
    ...optionalId(call_id),
    name: isTwofold ? '' : stringOf(name),
    arguments: stringOf(args ?? input),
  }
  return type === 'custom_tool_call' ? { ...judged, isFreeForm: true } : judged
}

/** Tells whether all events agree with the complete item, because clients read either. */
function eventsAgree(events: readonly JsonObject[], whole: JsonObject, call: ToolCall): boolean {
  const said = argumentsIn(whole)
  let pieces = ''
  for (const event of events) {
    pieces += stringOf(event.delta)
    const { item } = event
    const told = [argumentsIn(event), isObject(item) ? argumentsIn(item) : '']
    if (!told.every((each) => each === '' || each === said)) return false
    if (isObject(item) && callOf(item).name !== call.name) return false
  }
  // A call without a member for its arguments has the pieces somewhere in the item.
  return pieces === '' || pieces === said || (said === '' && call.arguments.includes(inner(pieces)))
}

function inner(text: string): string {
  return JSON.stringify(text).slice(1, -1)
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

/** Makes the events of a message that arrives in one piece. */
function noteEvents({ output_index, sequence_number }: JsonObject, item: JsonObject): JsonObject[] {
  const [part] = objectsIn(item.content)
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
