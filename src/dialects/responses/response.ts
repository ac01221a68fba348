/**
 * Answers of the Responses API: named server-sent events, or one object. `response.completed` (or `.incomplete`)
 * is the end mark; Ollama just stops when its model dies, LocalAI says `error` or `response.failed`.
 *
 * Peculiar to it: it says everything again when a part, an item and the answer are done, so that every text is judged
 * as often as it comes; and its events are numbered, so that what is put in or left out numbers the rest anew.
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
import { withRequestedModel } from '../common/requested-model.ts'
import { checkEventName, malformed, readFrame, requireSchema } from '../common/response-schema.ts'
import { Transcript } from '../common/transcript.ts'
import { type DeclaredTool, TranslatedCalls } from '../common/translated-calls.ts'
import type { ModelNames, PublicError, ResponseReader, ToolCall } from '../dialect.ts'
import type { Frame } from '../framing/framing.ts'
import { eventFrame } from '../framing/sse.ts'
import { eventSchema, responseSchema } from './response-schema.ts'
import { callOf, isCall, ResponsesToolCalls, withoutCalls } from './tool-calls.ts'

const ends = new Set(['response.completed', 'response.incomplete'])
const failures = new Set(['response.failed', 'error'])

/** What is no content of a message, at whatever depth. */
const kinds: Readonly<Record<string, TextKind>> = {
  encrypted_content: 'thinking',
  name: 'name',
  arguments: 'arguments',
  input: 'input',
}
/** Ids, kinds and states. */
const noText = new Set(['id', 'type', 'role', 'status', 'object', 'call_id', 'item_id', 'phase'])
/** What has readers of its own, in an answer and in events. */
const inResponse: HandledElsewhere = (key) => (key === 'output' ? 'objects' : undefined)
const parts = new Set(['item', 'part', 'annotation', 'response'])
const inEvent: HandledElsewhere = (key) => (parts.has(key) ? 'objects' : undefined)
const inDelta: HandledElsewhere = (key) =>
  key === 'delta' ? 'text' : key === 'logprobs' || parts.has(key) ? 'objects' : undefined
/** What an event that ends a part says again. */
const repeatedFields = ['text', 'refusal', 'arguments', 'input', 'code']
const inEnd: HandledElsewhere = (key) =>
  repeatedFields.includes(key) ? 'text' : key === 'logprobs' || parts.has(key) ? 'objects' : undefined

export class ResponsesResponseReader implements ResponseReader {
  state: ResponseReader['state'] = 'open'
  usage: Usage | undefined
  readonly transcript = new Transcript()
  readonly #names: ModelNames
  readonly #stream: boolean
  readonly #channels = new OpenChannels()
  readonly #edits = new Edits()
  readonly #calls = new ResponsesToolCalls()
  readonly #others: OtherTexts
  /** What an answer repeats of its request: tools, formats, words. */
  readonly #echoes: OtherTexts
  readonly #instructions: JsonValue | undefined
  readonly #translated: TranslatedCalls | undefined
  storedId: string | undefined
  /** The number of the next event that leaves. */
  #number: number | undefined
  readonly #parked = new ParkedFrame<{ readonly frame: Frame; readonly body: JsonObject }>()

  /**
   * @param instructions as the client gave them: the gate may have added to them, and servers say them again
   * @param declared tools that the server knows otherwise than the client
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
    this.#echoes = new OtherTexts(this.#edits, undefined, names)
    this.#others = new OtherTexts(this.#edits, this.transcript, names)
  }

  get waiting(): readonly ToolCall[] {
    return this.#parked.calls
  }

  get held(): number {
    return this.#calls.held
  }

  frame(frame: Frame, filter: OutputFilter): FilteredFrames {
    const body = readFrame(frame, this.#stream ? eventSchema : responseSchema)
    if (!body) return this.#failed()
    if (this.#stream) checkEventName(frame, body)
    if (this.#stream && hasBegun(body)) malformed('a part that has begun before its beginning')
    if (this.#stream && hasMisplacedCall(body)) malformed('a call in an event that tells of something else')
    // Before anything of it can be refused: it was worked for all the same.
    this.#count(isObject(body.response) ? body.response.usage : body.usage)
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
    const before = events.flatMap((event) => this.#event(eventFrame(event), event, filter) ?? [])
    // The end of an item that was kept is among what was kept.
    if (this.#stream && body.type === 'response.output_item.done') return before
    return [...before, ...toFrames(this.#pass(frame, body, filter))]
  }

  /**
   * `invalid_prompt` makes Codex stop at once and show the message; with any other code it asks five times more,
   * which is right only where asking again may help.
   */
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
    return eventFrame({ type: 'response.failed', sequence_number: this.#number ?? 0, response })
  }

  #failed(): undefined {
    this.state = 'failed'
  }

  #pass(frame: Frame, body: JsonObject, filter: OutputFilter): FilteredFrames {
    this.#others.begin()
    this.#echoes.begin()
    return this.#stream ? this.#event(frame, body, filter) : this.#whole(frame, body, filter)
  }

  #whole(frame: Frame, response: JsonObject, filter: OutputFilter): Frame | undefined {
    if (isObject(response.error) || response.status === 'failed' || !Array.isArray(response.output))
      return this.#failed()
    this.#keep(response.id)
    const changed = this.#present(response, filter, false)
    for (const item of response.output) this.#gather(item, true)
    this.state = 'ended'
    const named = withRequestedModel(response, this.#names)
    return this.#edits.seal(frame, () => named, changed || named !== response)
  }

  #event(frame: Frame, event: JsonObject, filter: OutputFilter): readonly Frame[] | undefined {
    const type = String(event.type)
    const response = isObject(event.response) ? event.response : undefined
    if (failures.has(type) || isObject(response?.error)) return this.#failed()
    this.#keep(response?.id)
    const channel = channelOf(event, type)
    const again = type.endsWith('.done') || ends.has(type)
    this.#others.filterMembers(
      event,
      filter,
      again ? inEnd : typeof event.delta === 'string' ? inDelta : inEvent,
    )
    let changed = false
    let before: Frame[] = []
    if (typeof event.delta === 'string') this.#delta(event, type, channel, filter)
    else if (type.endsWith('.done'))
      before = this.#channels.close(filter, type === 'response.output_item.done' ? itemOf(event) : channel)
    else if (ends.has(type)) before = this.#channels.close(filter)
    if (type === 'response.output_item.done') this.#gather(event.item, false)
    for (const part of [event.item, event.part, event.annotation]) this.#judgeAll(part, filter, again)
    if (again) this.#judgeAgain(event, filter)
    if (response) {
      changed = this.#present(response, filter, true)
      if (ends.has(type)) this.state = 'ended'
      const named = withRequestedModel(response, this.#names)
      changed ||= named !== response
      event.response = named
    }
    const last = this.#numbered(event, frame, changed)
    return [...before, last]
  }

  /** All of an answer, as the client may have it. @returns whether calls or instructions were put in place */
  #present(response: JsonObject, filter: OutputFilter, again: boolean): boolean {
    let changed = false
    if (response.instructions !== undefined && response.instructions !== (this.#instructions ?? null)) {
      response.instructions = this.#instructions ?? null
      changed = true
    }
    this.#echoes.filterMembers(response, filter, inResponse)
    if (!Array.isArray(response.output)) return changed
    changed = this.#calls.replaceIn(response.output) || changed
    for (const item of response.output) this.#judgeAll(item, filter, again)
    return changed
  }

  #delta(event: JsonObject, type: string, channel: string, filter: OutputFilter): void {
    const delta = String(event.delta)
    const kind: TextKind = type.includes('arguments')
      ? 'arguments'
      : type.startsWith('response.custom_tool_call_input')
        ? 'input'
        : type.startsWith('response.reasoning')
          ? 'thinking'
          : 'content'
    if (kind !== 'arguments' && kind !== 'input') this.transcript.say(channel, delta)
    if (!this.#channels.has(channel)) {
      const { logprobs: _, ...shape } = event
      // It has the number of the event before: the numbers of those behind it do not depend on what was held.
      this.#channels.open(channel, (rest) =>
        eventFrame({ ...shape, sequence_number: (this.#number ?? 1) - 1, delta: rest }),
      )
    }
    this.#edits.put(event, 'delta', delta, filter.next(channel, kind, delta))
    filterLogprobs(event, 'logprobs', delta, this.#edits.any, this.#edits)
  }

  /** The event with the number that is its turn. */
  #numbered(event: JsonObject, frame: Frame, changed: boolean): Frame {
    const { sequence_number: number } = event
    if (typeof number === 'number') {
      this.#number ??= number
      if (number !== this.#number) {
        event.sequence_number = this.#number
        changed = true
      }
      this.#number++
    }
    return this.#edits.seal(frame, () => event, changed)
  }

  #keep(id: JsonValue | undefined): void {
    if (typeof id === 'string' && /^[\w-]{1,128}$/.test(id)) this.storedId = id
  }

  /** `said`: also what a stream has already told in pieces. */
  #gather(item: JsonValue | undefined, said: boolean): void {
    if (!isObject(item)) return
    if (isCall(item)) {
      const { name, arguments: args } = callOf(item)
      this.transcript.call(String(item.call_id), name, args)
    }
    if (!said) return
    for (const field of ['summary', 'content']) {
      const parts = item[field]
      if (!Array.isArray(parts)) continue
      for (const part of parts)
        if (isObject(part) && typeof part.text === 'string')
          this.transcript.say(`${itemOf(item)}${field}`, part.text)
    }
  }

  /** @param again whether it was said before */
  #judgeAll(value: JsonValue | undefined, filter: OutputFilter, again: boolean): void {
    filterNested(value, filter, again, this.#edits, this.#others)
  }

  #judgeAgain(event: JsonObject, filter: OutputFilter): void {
    const said = stringOf(event.text)
    for (const key of repeatedFields) {
      const text = event[key]
      if (typeof text !== 'string' || text === '') continue
      this.#edits.put(event, key, text, filter.whole(kinds[key] ?? 'content', text, true))
    }
    filterLogprobs(event, 'logprobs', said, said !== stringOf(event.text), this.#edits)
  }

  #count(usage: JsonValue | undefined): void {
    if (isObject(usage)) this.usage = usageOf(usage.input_tokens ?? 0, usage.output_tokens ?? 0)
  }
}

/**
 * Judges an answer that the server has kept, in place. It does not say again what it was told.
 * @param judge which calls the caller may have
 * @throws Refusal `upstream_failed` if it is none
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

/** What an answer, a message or a part says comes in pieces, which clients put behind what it began with. */
function hasBegun({ type, part, item, response }: JsonObject): boolean {
  if (type === 'response.content_part.added') return isObject(part) && Boolean(part.text)
  if (type === 'response.output_item.added')
    return isObject(item) && Array.isArray(item.content) && item.content.length > 0
  const isNew = type === 'response.created' || type === 'response.in_progress'
  return isNew && isObject(response) && Array.isArray(response.output) && response.output.length > 0
}

/** An event tells of one thing: of a call beside that, or in an event of another type, nobody is asked. */
function hasMisplacedCall({ type, item, part, response, output }: JsonObject): boolean {
  const isOfItem = type === 'response.output_item.added' || type === 'response.output_item.done'
  const isOfCall = isCall(item)
  return (isOfCall && (!isOfItem || response !== undefined)) || isCall(part) || output !== undefined
}

/** Clients put together what stands in one place, however its item is called. */
function itemOf({ item_id, item, output_index }: JsonObject): string {
  return `${output_index ?? item_id ?? (isObject(item) ? item.id : undefined)}/`
}

function channelOf(event: JsonObject, type: string): string {
  const part = event.content_index ?? event.summary_index ?? 0
  return `${itemOf(event)}${part}/${type.replace(/\.(?:delta|done)$/, '')}`
}

function filterNested(
  value: JsonValue | undefined,
  filter: OutputFilter,
  again: boolean,
  edits: Edits,
  others: OtherTexts,
): void {
  if (typeof value !== 'object' || value === null) return
  // An array is an object whose keys are numbers, as far as this goes.
  const holder = value as JsonObject
  const thinks = /^(?:reasoning|summary_text|reasoning_text)$/.test(String(holder.type))
  let changed = false
  for (const [key, member] of Object.entries(holder)) {
    if (!Array.isArray(value) && others.dropsKey(holder, key, filter)) continue
    if (typeof member !== 'string') {
      if (key !== 'logprobs') filterNested(member, filter, again, edits, others)
      continue
    }
    if (others.needsNoFilter(member)) continue
    const kind = kinds[key] ?? (thinks ? 'thinking' : 'content')
    const judged = others.read(kind, member, filter, again || noText.has(key))
    changed ||= judged !== member
    edits.put(holder, key, member, judged)
  }
  filterLogprobs(holder, 'logprobs', stringOf(holder.text), changed, edits)
}
