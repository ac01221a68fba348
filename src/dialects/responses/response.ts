/**
 * Responses of the Responses API: named server-sent events, or one object. `response.completed` (or `.incomplete`) is the
 * end mark. Ollama just stops when its model dies; LocalAI sends `error` or `response.failed`.
 *
 * Special cases: the API repeats everything when a part, an item and the response are done, so every text is filtered as
 * often as it comes. Its events are numbered, so whatever is added or dropped renumbers the rest.
 */
import { isObject, type JsonObject, type JsonValue, stringOf } from '../../core/json.ts'
import { isFinal } from '../../core/refusal.ts'
import { type Usage, usageOf } from '../../core/usage.ts'
import { filterLogprobs } from '../common/logprobs.ts'
import { type HandledElsewhere, OtherTexts } from '../common/other-texts.ts'
import {
  Edits,
  type FilteredFrames,
  OpenChannels,
  type OutputFilter,
  type SettledVerdict,
  type TextKind,
  toFrames,
} from '../common/output-filter.ts'
import { ParkedFrame } from '../common/parked-calls.ts'
import { RepeatedFrames } from '../common/repeated-frames.ts'
import { withRequestedModel } from '../common/requested-model.ts'
import { checkEventName, malformed, readFrame, requireSchema } from '../common/response-schema.ts'
import { Transcript } from '../common/transcript.ts'
import { type DeclaredTool, TranslatedCalls } from '../common/translated-calls.ts'
import type { ModelNames, PublicError, ResponseReader, ToolCall } from '../dialect.ts'
import type { Frame } from '../framing/framing.ts'
import { eventFrame } from '../framing/sse.ts'
import { channelOf, itemOf, kindOf, pieceOfEvent } from './piece.ts'
import { eventSchema, responseSchema } from './response-schema.ts'
import { callOf, isCall, ResponsesToolCalls, withoutCalls } from './tool-calls.ts'

const ends = new Set(['response.completed', 'response.incomplete'])
const failures = new Set(['response.failed', 'error'])

/** Members that are no content of a message, at any depth. */
const kinds: Readonly<Record<string, TextKind>> = {
  encrypted_content: 'thinking',
  name: 'name',
  arguments: 'arguments',
  input: 'input',
}
/** Ids, types and states. */
const noText = new Set(['id', 'type', 'role', 'status', 'object', 'call_id', 'item_id', 'phase'])
/** Members that are read in their own way, in a response and in events. */
const inResponse: HandledElsewhere = (key) => (key === 'output' ? 'objects' : undefined)
const parts = new Set(['item', 'part', 'annotation', 'response'])
const inEvent: HandledElsewhere = (key) => (parts.has(key) ? 'objects' : undefined)
const inDelta: HandledElsewhere = (key) =>
  key === 'delta' ? 'text' : key === 'logprobs' || parts.has(key) ? 'objects' : undefined
/** Members that repeat a text when its part is done. */
const repeatedFields = ['text', 'refusal', 'arguments', 'input', 'code']
const inEnd: HandledElsewhere = (key) =>
  repeatedFields.includes(key) ? 'text' : key === 'logprobs' || parts.has(key) ? 'objects' : undefined

/** Reads one response of the Responses API. */
export class ResponsesResponseReader implements ResponseReader {
  state: ResponseReader['state'] = 'open'
  usage: Usage | undefined
  isCutShort = false
  readonly transcript = new Transcript()
  readonly #names: ModelNames
  readonly #stream: boolean
  readonly #channels = new OpenChannels()
  readonly #edits = new Edits()
  readonly #calls = new ResponsesToolCalls()
  readonly #otherTexts: OtherTexts
  readonly #repeated = new RepeatedFrames(this.transcript)
  /** Strings that repeat the request: tools, formats. */
  readonly #echoedTexts: OtherTexts
  readonly #instructions: JsonValue | undefined
  readonly #translated: TranslatedCalls | undefined
  storedId: string | undefined
  /** The number of the next event that leaves. */
  #nextNumber: number | undefined
  readonly #parked = new ParkedFrame<{ readonly frame: Frame; readonly body: JsonObject }>()

  /**
   * @param instructions those of the client, because servers echo them with what the gateway has added
   * @param declared tools that were translated for the server
   */
  constructor(
    names: ModelNames,
    stream: boolean,
    instructions: JsonValue | undefined,
    declared?: ReadonlyMap<string, DeclaredTool>,
  ) {
    this.#translated = declared && declared.size > 0 ? new TranslatedCalls(declared) : undefined
    this.#names = names
    this.#stream = stream
    this.#instructions = instructions
    this.#echoedTexts = new OtherTexts(this.#edits, undefined, names)
    this.#otherTexts = new OtherTexts(this.#edits, this.transcript, names)
  }

  get answers(): readonly string[] | undefined {
    return this.transcript.answersIn((channel) => /\/(?:response\.output_text|content)$/.test(channel))
  }

  get waiting(): readonly ToolCall[] {
    return this.#parked.calls
  }

  get held(): number {
    return this.#calls.held
  }

  frame(frame: Frame, filter: OutputFilter): FilteredFrames {
    const repeated = this.#repeated.read(frame, filter, this.#nextNumber)
    if (repeated) {
      if (this.#repeated.isNumbered && this.#nextNumber !== undefined) this.#nextNumber++
      return repeated
    }
    const passed = this.#readFully(frame, filter)
    const isRepeatable = this.#stream && this.#otherTexts.isQuiet
    const only = Array.isArray(passed) && passed.length === 1 ? passed[0] : passed
    this.#repeated.learn(frame, only, isRepeatable ? pieceOfEvent : undefined)
    return passed
  }

  #readFully(frame: Frame, filter: OutputFilter): FilteredFrames {
    const body = readFrame(frame, this.#stream ? eventSchema : responseSchema)
    if (!body) return this.#fail()
    if (this.#stream) checkEventName(frame, body)
    if (this.#stream && hasBegun(body)) malformed('content for a part that was never started')
    if (this.#stream && hasMisplacedCall(body)) malformed('a call in an event that tells of something else')
    // Counted before anything can be refused, because the model has done the work.
    this.#countUsage(isObject(body.response) ? body.response.usage : body.usage)
    if (!this.#translated) return this.#read(frame, body, filter)
    const own = this.#stream ? this.#translated.ofEvent(body) : this.#translated.ofAnswer(body)
    if (own === body) return this.#read(frame, body, filter)
    return (
      own &&
      this.#read(
        { ...frame, ...(this.#stream ? eventFrame(own) : { data: JSON.stringify(own) }) },
        own,
        filter,
      )
    )
  }

  #read(frame: Frame, body: JsonObject, filter: OutputFilter): FilteredFrames {
    if (filter.judgesCalls) {
      if (this.#stream && this.#calls.take(body, frame)) return undefined
      const waiting = this.#calls.complete(body)
      if (waiting.length > 0) return this.#parked.park({ frame, body }, waiting)
    }
    return this.#pass(frame, body, filter)
  }

  resume(verdicts: readonly SettledVerdict[], filter: OutputFilter): FilteredFrames {
    const parked = this.#parked.release()
    if (!parked) return undefined
    const { frame, body } = parked
    const events = this.#calls.settle(verdicts)
    const before = events.flatMap((event) => this.#filterEvent(eventFrame(event), event, filter) ?? [])
    // The end of a held item is among the held events.
    if (this.#stream && body.type === 'response.output_item.done') return before
    return [...before, ...toFrames(this.#pass(frame, body, filter))]
  }

  /** With the code `invalid_prompt` Codex stops and shows the message; with any other it retries five times. */
  errorFrame({ code, message }: PublicError): Frame {
    const error = { code: isFinal(code) ? 'invalid_prompt' : 'server_error', message }
    const response = {
      id: this.storedId ?? '',
      object: 'response',
      status: 'failed',
      model: this.#names.asked,
      output: [],
      error,
    }
    return eventFrame({ type: 'response.failed', sequence_number: this.#nextNumber ?? 0, response })
  }

  #fail(): undefined {
    this.state = 'failed'
  }

  #pass(frame: Frame, body: JsonObject, filter: OutputFilter): FilteredFrames {
    this.#otherTexts.begin()
    this.#echoedTexts.begin()
    return this.#stream ? this.#filterEvent(frame, body, filter) : this.#filterWhole(frame, body, filter)
  }

  #filterWhole(frame: Frame, response: JsonObject, filter: OutputFilter): Frame | undefined {
    if (isObject(response.error) || response.status === 'failed' || !Array.isArray(response.output))
      return this.#fail()
    this.#noteStoredId(response.id)
    const changed = this.#filterResponse(response, filter, false)
    for (const item of response.output) this.#record(item, true)
    this.isCutShort = response.status === 'incomplete'
    this.state = 'ended'
    const named = withRequestedModel(response, this.#names)
    return this.#edits.seal(frame, () => named, changed || named !== response)
  }

  #filterEvent(frame: Frame, event: JsonObject, filter: OutputFilter): readonly Frame[] | undefined {
    const type = String(event.type)
    const response = isObject(event.response) ? event.response : undefined
    if (failures.has(type) || isObject(response?.error)) return this.#fail()
    this.#noteStoredId(response?.id)
    const channel = channelOf(event, type)
    const again = type.endsWith('.done') || ends.has(type)
    this.#otherTexts.filterMembers(
      event,
      filter,
      again ? inEnd : typeof event.delta === 'string' ? inDelta : inEvent,
    )
    let changed = false
    let before: Frame[] = []
    if (typeof event.delta === 'string') this.#filterDelta(event, type, channel, filter)
    else if (type.endsWith('.done'))
      before = this.#channels.close(filter, type === 'response.output_item.done' ? itemOf(event) : channel)
    else if (ends.has(type)) before = this.#channels.close(filter)
    if (type === 'response.output_item.done') this.#record(event.item, false)
    for (const part of [event.item, event.part, event.annotation]) this.#filterNested(part, filter, again)
    if (again) this.#filterRepeated(event, filter)
    if (response) {
      changed = this.#filterResponse(response, filter, true)
      if (ends.has(type)) this.state = 'ended'
      this.isCutShort = type === 'response.incomplete'
      const named = withRequestedModel(response, this.#names)
      changed ||= named !== response
      event.response = named
    }
    const last = this.#numberedFrame(event, frame, changed)
    return [...before, last]
  }

  /** Filters a whole response, in place. @returns whether calls or instructions were replaced */
  #filterResponse(response: JsonObject, filter: OutputFilter, again: boolean): boolean {
    let changed = false
    if (response.instructions !== undefined && response.instructions !== (this.#instructions ?? null)) {
      response.instructions = this.#instructions ?? null
      changed = true
    }
    this.#echoedTexts.filterMembers(response, filter, inResponse)
    if (!Array.isArray(response.output)) return changed
    changed = this.#calls.replaceIn(response.output) || changed
    for (const item of response.output) this.#filterNested(item, filter, again)
    return changed
  }

  #filterDelta(event: JsonObject, type: string, channel: string, filter: OutputFilter): void {
    const delta = String(event.delta)
    const kind = kindOf(type)
    if (kind !== 'arguments' && kind !== 'input') this.transcript.addText(channel, delta)
    if (!this.#channels.has(channel)) {
      const { logprobs: _, ...shape } = event
      // Repeats the number of the event before it, so that the later numbers do not depend on what was held.
      this.#channels.open(channel, (rest) =>
        eventFrame({ ...shape, sequence_number: (this.#nextNumber ?? 1) - 1, delta: rest }),
      )
    }
    this.#edits.put(event, 'delta', delta, filter.next(channel, kind, delta))
    filterLogprobs(event, 'logprobs', delta, this.#edits.any, this.#edits)
  }

  /** Makes the frame of an event, with the next number. */
  #numberedFrame(event: JsonObject, frame: Frame, changed: boolean): Frame {
    const { sequence_number: number } = event
    if (typeof number === 'number') {
      this.#nextNumber ??= number
      if (number !== this.#nextNumber) {
        event.sequence_number = this.#nextNumber
        changed = true
      }
      this.#nextNumber++
    }
    return this.#edits.seal(frame, () => event, changed)
  }

  #noteStoredId(id: JsonValue | undefined): void {
    if (typeof id === 'string' && /^[\w-]{1,128}$/.test(id)) this.storedId = id
  }

  /** Records an item. @param said whether its texts are recorded too; those of a stream were recorded piece by piece */
  #record(item: JsonValue | undefined, said: boolean): void {
    if (!isObject(item)) return
    if (isCall(item)) {
      const { name, arguments: args } = callOf(item)
      this.transcript.addCall(String(item.call_id), name, args)
    }
    if (!said) return
    for (const field of ['summary', 'content']) {
      const parts = item[field]
      if (!Array.isArray(parts)) continue
      for (const part of parts)
        if (isObject(part) && typeof part.text === 'string')
          this.transcript.addText(`${itemOf(item)}${field}`, part.text)
    }
  }

  /** Filters all texts of a value. @param again whether the client has had them before */
  #filterNested(value: JsonValue | undefined, filter: OutputFilter, again: boolean): void {
    filterNested(value, filter, again, this.#edits, this.#otherTexts)
  }

  #filterRepeated(event: JsonObject, filter: OutputFilter): void {
    const said = stringOf(event.text)
    for (const key of repeatedFields) {
      const text = event[key]
      if (typeof text !== 'string' || text === '') continue
      this.#edits.put(event, key, text, filter.whole(kinds[key] ?? 'content', text, true))
    }
    filterLogprobs(event, 'logprobs', said, said !== stringOf(event.text), this.#edits)
  }

  #countUsage(usage: JsonValue | undefined): void {
    if (isObject(usage)) this.usage = usageOf(usage.input_tokens ?? 0, usage.output_tokens ?? 0)
  }
}

/**
 * Filters a response that the server has stored, in place, and removes the instructions of its request.
 * @param judge decides about tool calls; undefined: all of them pass
 * @throws Refusal `upstream_failed` if it violates the schema
 */
export function filterStoredResponse(
  answer: JsonObject,
  names: ModelNames,
  filter: OutputFilter,
  judge?: (call: ToolCall) => SettledVerdict,
): void {
  requireSchema(answer, responseSchema)
  const edits = new Edits()
  if (judge && Array.isArray(answer.output)) answer.output = withoutCalls(answer.output, judge)
  if (answer.instructions !== undefined) answer.instructions = null
  new OtherTexts(edits, undefined, names).filterMembers(answer, filter, inResponse)
  filterNested(answer.output, filter, false, edits, new OtherTexts(edits, new Transcript(), names))
}

/** Tells whether a beginning already has content, to which clients would append the deltas that follow. */
function hasBegun({ type, part, item, response }: JsonObject): boolean {
  if (type === 'response.content_part.added') return isObject(part) && Boolean(part.text)
  if (type === 'response.output_item.added')
    return isObject(item) && Array.isArray(item.content) && item.content.length > 0
  const isNew = type === 'response.created' || type === 'response.in_progress'
  return isNew && isObject(response) && Array.isArray(response.output) && response.output.length > 0
}

/** Tells whether an event holds a call where none belongs, because such a call would not be judged. */
function hasMisplacedCall({ type, item, part, response, output }: JsonObject): boolean {
  const isOfItem = type === 'response.output_item.added' || type === 'response.output_item.done'
  const isOfCall = isCall(item)
  return (isOfCall && (!isOfItem || response !== undefined)) || isCall(part) || output !== undefined
}

function filterNested(
  value: JsonValue | undefined,
  filter: OutputFilter,
  again: boolean,
  edits: Edits,
  others: OtherTexts,
): void {
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries())
      if (typeof item !== 'string') filterNested(item, filter, again, edits, others)
      else if (!others.needsNoFilter(item))
        edits.putItem(value, index, item, others.filterText('content', item, filter, again))
    return
  }
  if (!isObject(value)) return
  const thinks = /^(?:reasoning|summary_text|reasoning_text)$/.test(String(value.type))
  let changed = false
  for (const [key, member] of Object.entries(value)) {
    if (others.dropsKey(value, key, filter)) continue
    if (typeof member !== 'string') {
      if (key !== 'logprobs') filterNested(member, filter, again, edits, others)
      continue
    }
    if (others.needsNoFilter(member)) continue
    const kind = kinds[key] ?? (thinks ? 'thinking' : 'content')
    const judged = others.filterText(kind, member, filter, again || noText.has(key))
    changed ||= judged !== member
    edits.put(value, key, member, judged)
  }
  filterLogprobs(value, 'logprobs', stringOf(value.text), changed, edits)
}
