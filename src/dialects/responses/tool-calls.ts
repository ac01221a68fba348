/**
 * Tool calls in answers of the Responses API, kept until somebody has judged them. An item that passes leaves as it
 * came; a message stands where one was taken out, under the same index, and in the answer that is told again at the end.
 */
import { isObject, type JsonObject, type JsonValue, stringOf } from '../../core/json.ts'
import type { SettledVerdict } from '../common/output-filter.ts'
import { type BufferedCall, CallBuffer } from '../common/parked-calls.ts'
import { malformed } from '../common/response-schema.ts'
import { optionalId, type ToolCall } from '../dialect.ts'
import type { Frame } from '../framing/framing.ts'

interface BufferedItem extends BufferedCall {
  readonly item: JsonObject
}

/** Types of events that tell of a call while it is made. */
const ofCall = /_call[_.]/

export class ResponsesToolCalls {
  readonly #buffer = new CallBuffer<BufferedItem>()
  /**
   * What was said of each call, of equal ones in their order: at the end it comes once more, under other ids with some
   * servers.
   */
  readonly #verdicts = new Map<string, SettledVerdict[]>()

  /** Code units of the events that are kept here. */
  get held(): number {
    return this.#buffer.held
  }

  /** Keeps an event if it is part of a call that goes on. @returns whether it did @throws Refusal `upstream_failed` */
  take(event: JsonObject, frame: Frame): boolean {
    const index = event.output_index ?? 0
    if (event.type === 'response.output_item.added' && isCall(event.item)) {
      this.#buffer.begin(index, { events: [event], item: event.item }, frame)
      return true
    }
    if (event.type === 'response.output_item.done') return false
    const begun = event.output_index === undefined ? this.#openBy(event.item_id) : this.#buffer.get(index)
    if (!begun && ofCall.test(String(event.type))) malformed('a piece of a call that is over, or never began')
    if (!begun) return false
    this.#buffer.append(begun, event, frame, (last) => mergeDelta(last, event))
    return true
  }

  /** Of an event that names its item and not its place. */
  #openBy(id: JsonValue | undefined): BufferedItem | undefined {
    return typeof id === 'string' ? this.#buffer.find(({ item }) => item.id === id) : undefined
  }

  /** Calls that this event, or this whole answer, completes and that nobody has judged yet. */
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

  /** Puts a message in the place of each call that was taken out. @returns whether there was one */
  replaceIn(output: JsonValue[]): boolean {
    let changed = false
    for (const { index, item, verdict } of this.#saidOf(output)) {
      if (verdict?.kind !== 'strip') continue
      output[index] = noteFor(item, verdict.note)
      changed = true
    }
    return changed
  }

  /** Of every call of an answer, what was said of it before; one that comes more often than it was judged is another. */
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

/** A whole answer's items, with a message in the place of each call that does not pass. */
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

/** @returns whether the last event was another piece of the same, to which this one was put */
function mergeDelta(last: JsonObject | undefined, { type, delta }: JsonObject): boolean {
  if (typeof delta !== 'string' || last?.type !== type || typeof last?.delta !== 'string') return false
  last.delta += delta
  return true
}

/** Of a function, of a custom tool, of a shell, of a server of tools, and what there may be besides. */
export function isCall(item: JsonValue | undefined): item is JsonObject {
  if (!isObject(item)) return false
  return /(?:^|_)(?:call|use|approval_request)$/i.test(stringOf(item.type)) || argumentsIn(item) !== ''
}

/** What a call is given, in pieces before and then whole. */
function argumentsIn({ arguments: args, input, code }: JsonObject): string {
  return stringOf(args ?? input ?? code)
}

/** What has no name of its own goes by its type, and is given all that it says. */
export function callOf(item: JsonObject): ToolCall {
  const { type, call_id, name, arguments: args, input } = item
  const known = type === 'function_call' || type === 'custom_tool_call'
  if (!known)
    return { ...optionalId(call_id), name: stringOf(name) || String(type), arguments: JSON.stringify(item) }
  // One that is given two things could be read in two ways: it calls nothing that has a name.
  const isTwofold = args !== undefined && input !== undefined
  const judged = {
    ...optionalId(call_id),
    name: isTwofold ? '' : stringOf(name),
    arguments: stringOf(args ?? input),
  }
  return type === 'custom_tool_call' ? { ...judged, isFreeForm: true } : judged
}

/** Whether all events say what the whole item says, for clients read one or the other. */
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
  // Of what has no member of its own for that, the pieces stand somewhere in the item.
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
