/**
 * Responses of Anthropic's Messages API: named server-sent events, or one object
 * (platform.claude.com/docs/en/build-with-claude/streaming). `message_stop` is the end mark. Ollama just stops when its
 * model dies; LocalAI sends `error`. The usage in `message_start` is an estimate, that in `message_delta` is final.
 */
import { isObject, type JsonObject, type JsonValue, objectsIn, parse } from '../../core/json.ts'
import { type Usage, usageOf } from '../../core/usage.ts'
import { type HandledElsewhere, OtherTexts } from '../common/other-texts.ts'
import {
  Edits,
  type FilteredFrames,
  framesBefore,
  OpenChannels,
  type OutputFilter,
  type SettledVerdict,
  type TextKind,
  toFrames,
} from '../common/output-filter.ts'
import { ParkedFrame } from '../common/parked-calls.ts'
import { RepeatedFrames } from '../common/repeated-frames.ts'
import { withRequestedModel } from '../common/requested-model.ts'
import {
  checkEventName,
  malformed,
  noArgumentsExcept,
  noCallsExcept,
  readFrame,
  schema,
} from '../common/response-schema.ts'
import { Transcript } from '../common/transcript.ts'
import type { ModelNames, PublicError, ResponseReader, ToolCall } from '../dialect.ts'
import type { Frame } from '../framing/framing.ts'
import { eventFrame } from '../framing/sse.ts'
import { anthropicError } from './error.ts'
import { pieceOfEvent } from './piece.ts'
import { AnthropicToolCalls, callOf, isCall } from './tool-calls.ts'

const block = schema({
  ...noCallsExcept(),
  ...noArgumentsExcept('name', 'input'),
  type: 'word',
  id: 'string',
  name: 'string',
  input: 'any',
  text: 'string',
  thinking: 'string',
  partial_json: 'string',
})
const ofMessage = schema({
  ...noCallsExcept(),
  type: 'word',
  id: 'string',
  role: 'string',
  model: 'string',
  content: [block],
  stop_reason: 'string',
  usage: 'any',
  error: 'any',
})
const ofEvent = schema({
  ...noCallsExcept(),
  type: 'word',
  index: 'index',
  message: ofMessage,
  content_block: block,
  delta: schema({
    ...noCallsExcept(),
    type: 'word',
    text: 'string',
    thinking: 'string',
    partial_json: 'string',
    signature: 'string',
    stop_reason: 'string',
    usage: 'any',
  }),
  usage: 'any',
  error: 'any',
})
/** The kind of each text in blocks and deltas. Any other string of a delta counts as content. */
const kinds: Readonly<Record<string, TextKind>> = {
  text: 'content',
  thinking: 'thinking',
  partial_json: 'arguments',
}
/** Strings of a delta that are no pieces of a text. */
const noText = new Set(['type', 'stop_reason', 'stop_sequence', 'id', 'role'])
/** Members that are read in their own way. */
const inMessage: HandledElsewhere = (key) => (key === 'content' ? 'objects' : undefined)
const inEvent: Readonly<Record<string, string>> = {
  message_start: 'message',
  content_block_start: 'content_block',
  content_block_delta: 'delta',
}
const inDelta: HandledElsewhere = (key) => (noText.has(key) ? undefined : 'text')

/** Where the next piece of a block's text stands. */
interface DeltaText {
  readonly index: string
  readonly field: string
  readonly kind: TextKind
  /** The type of the delta in which held text leaves. */
  readonly type?: JsonValue | undefined
}

/** Reads one response of the Messages API. */
export class AnthropicResponseReader implements ResponseReader {
  state: ResponseReader['state'] = 'open'
  usage: Usage | undefined
  isCutShort = false
  readonly transcript = new Transcript()
  readonly #names: ModelNames
  readonly #stream: boolean
  readonly #channels = new OpenChannels()
  readonly #edits = new Edits()
  readonly #calls = new AnthropicToolCalls()
  /** The outgoing index of each block, by the index it came with. */
  readonly #indexes = new Map<JsonValue, number>()
  #blockCount = 0
  readonly #otherTexts: OtherTexts
  readonly #repeated = new RepeatedFrames(this.transcript)
  readonly #parked = new ParkedFrame<{ readonly frame: Frame; readonly body: JsonObject }>()

  constructor(names: ModelNames, stream: boolean) {
    this.#names = names
    this.#stream = stream
    this.#otherTexts = new OtherTexts(this.#edits, this.transcript, names)
  }

  get waiting(): readonly ToolCall[] {
    return this.#parked.calls
  }

  get held(): number {
    return this.#calls.held
  }

  frame(frame: Frame, filter: OutputFilter): FilteredFrames {
    const repeated = this.#repeated.read(frame, filter)
    if (repeated) return repeated
    const passed = this.#read(frame, filter)
    const isRepeatable = this.#stream && this.#otherTexts.isQuiet
    this.#repeated.learn(frame, passed, isRepeatable ? pieceOfEvent : undefined)
    return passed
  }

  #read(frame: Frame, filter: OutputFilter): FilteredFrames {
    const body = readFrame(frame, this.#stream ? ofEvent : ofMessage)
    if (!body || body.type === 'error' || body.error !== undefined) {
      this.state = 'failed'
      return undefined
    }
    if (this.#stream) checkEvent(frame, body)
    // Counted before anything can be refused, because the model has done the work.
    this.#countUsage(body.usage)
    if (filter.judgesCalls) {
      if (this.#stream && this.#calls.take(body, frame)) return undefined
      const waiting = this.#stream ? this.#calls.complete(body) : blocksOf(body).filter(isCall).map(callOf)
      if (waiting.length > 0) return this.#parked.park({ frame, body }, waiting)
    }
    return this.#stream
      ? this.#filterEvent(frame, body, filter)
      : this.#filterWhole(frame, body, filter, false)
  }

  resume(verdicts: readonly SettledVerdict[], filter: OutputFilter): FilteredFrames {
    const parked = this.#parked.release()
    if (!parked) return undefined
    const { frame, body } = parked
    if (this.#stream) {
      const events = this.#calls.settle(verdicts)
      const before = events.flatMap((event) => toFrames(this.#filterEvent(eventFrame(event), event, filter)))
      // The end of a held block is among the held events.
      return body.type === 'content_block_stop'
        ? before
        : [...before, ...toFrames(this.#filterEvent(frame, body, filter))]
    }
    let index = 0
    body.content = blocksOf(body).map((block) => {
      const verdict = isCall(block) ? verdicts[index++] : undefined
      return verdict?.kind === 'strip' ? { type: 'text', text: verdict.note } : block
    })
    if (body.stop_reason === 'tool_use' && !blocksOf(body).some(isCall)) body.stop_reason = 'end_turn'
    return this.#filterWhole(frame, body, filter, true)
  }

  errorFrame(error: PublicError): Frame {
    return { event: 'error', data: JSON.stringify(anthropicError(error)) }
  }

  #filterWhole(frame: Frame, message: JsonObject, filter: OutputFilter, isChanged: boolean): FilteredFrames {
    this.#otherTexts.begin()
    this.#filterBlocks(message, filter)
    this.state = 'ended'
    this.isCutShort = message.stop_reason === 'max_tokens'
    const named = withRequestedModel(message, this.#names)
    return this.#edits.seal(frame, () => named, isChanged || named !== message)
  }

  #filterBlocks(message: JsonObject, filter: OutputFilter): void {
    this.#otherTexts.filterMembers(message, filter, inMessage)
    for (const [index, block] of blocksOf(message).entries())
      this.#filterBlock(`${index}`, block, filter, false)
  }

  #filterEvent(frame: Frame, event: JsonObject, filter: OutputFilter): FilteredFrames {
    let changed = this.#renumber(event)
    let before: Frame[] = []
    const key = `${event.index}/`
    const readHere = inEvent[String(event.type)]
    this.#otherTexts.begin()
    this.#otherTexts.filterMembers(event, filter, (each) => (each === readHere ? 'objects' : undefined))
    switch (event.type) {
      case 'message_start':
        if (isObject(event.message)) {
          this.#filterBlocks(event.message, filter)
          const named = withRequestedModel(event.message, this.#names)
          changed ||= named !== event.message
          event.message = named
        }
        break
      case 'content_block_start':
        if (isObject(event.content_block))
          this.#filterBlock(`${event.index}`, event.content_block, filter, true)
        break
      case 'content_block_delta':
        if (isObject(event.delta)) this.#filterDelta(event, event.delta, filter)
        break
      case 'content_block_stop':
        before = this.#channels.close(filter, key)
        break
      case 'message_delta':
        before = this.#channels.close(filter)
        this.state = 'finished'
        this.isCutShort = isObject(event.delta) && event.delta.stop_reason === 'max_tokens'
        if (isObject(event.delta) && event.delta.stop_reason === 'tool_use' && this.#calls.allStripped) {
          event.delta.stop_reason = 'end_turn'
          changed = true
        }
        break
      case 'message_stop':
        before = this.#channels.close(filter)
        this.state = 'ended'
    }
    const last = this.#edits.seal(frame, () => event, changed)
    return framesBefore(before, last)
  }

  /**
   * Numbers blocks in the order in which they leave, because clients go by the index or by the count of blocks. Ollama
   * gives a text and the thinking behind it the same index.
   * @returns whether the index of the event was changed
   */
  #renumber(event: JsonObject): boolean {
    const { type } = event
    const index = event.index ?? 0
    if (type === 'content_block_start') this.#indexes.set(index, this.#blockCount++)
    else if (type !== 'content_block_delta' && type !== 'content_block_stop') return false
    const place = this.#indexes.get(index) ?? index
    if (place === event.index) return false
    event.index = place
    return true
  }

  /** @param begun the rest of the block follows in deltas */
  #filterBlock(key: string, block: JsonObject, filter: OutputFilter, begun: boolean): void {
    const call = isCall(block) ? callOf(block) : undefined
    this.#otherTexts.filterMembers(block, filter, (each) => {
      if (call && (each === 'name' || each === 'input')) return each === 'name' ? 'text' : 'objects'
      return kinds[each] && 'text'
    })
    for (const [field, kind] of Object.entries(kinds)) {
      const text = block[field]
      if (typeof text !== 'string' || text === '') continue
      if (kind !== 'arguments') this.transcript.addText(`${key}/${field}`, text)
      // Clients append the deltas that follow.
      const passed = begun
        ? this.#filterPiece({ index: key, field, kind }, text, filter)
        : filter.whole(kind, text)
      this.#edits.put(block, field, text, passed)
    }
    if (!call) return
    const { name, arguments: args } = call
    // In a stream the input follows in deltas, and `{}` stands for it here.
    this.transcript.addCall(key, name, begun ? '' : args)
    this.#edits.put(block, 'name', name, filter.whole('name', name))
    const judged = filter.whole('arguments', args)
    if (judged !== args) this.#edits.put(block, 'input', block.input ?? {}, parse(judged))
  }

  #filterDelta(event: JsonObject, delta: JsonObject, filter: OutputFilter): void {
    this.#otherTexts.filterMembers(delta, filter, inDelta)
    for (const field of Object.keys(delta)) {
      const text = delta[field]
      if (typeof text !== 'string' || text === '' || noText.has(field)) continue
      const kind = kinds[field] ?? 'content'
      if (kind === 'arguments') this.transcript.addCall(String(event.index), '', text)
      else if (field !== 'signature') this.transcript.addText(`${event.index}/${field}`, text)
      const passed = this.#filterPiece(
        { index: String(event.index), field, kind, type: delta.type },
        text,
        filter,
      )
      this.#edits.put(delta, field, text, passed)
    }
  }

  #filterPiece(
    { index, field, kind, type = `${field}_delta` }: DeltaText,
    text: string,
    filter: OutputFilter,
  ): string {
    const channel = `${index}/${field}`
    if (!this.#channels.has(channel))
      this.#channels.open(channel, (rest) =>
        eventFrame({
          type: 'content_block_delta',
          index: Number(index) || 0,
          delta: { type, [field]: rest },
        }),
      )
    return filter.next(channel, kind, text)
  }

  #countUsage(usage: JsonValue | undefined): void {
    if (!isObject(usage)) return
    // In a stream `message_start` has the input tokens, and `message_delta` may have only the output tokens.
    const input = usage.input_tokens ?? this.usage?.input ?? 0
    this.usage = usageOf(input, usage.output_tokens ?? this.usage?.output ?? 0) ?? this.usage
  }
}

/** @throws Refusal `upstream_failed` */
function checkEvent(frame: Frame, event: JsonObject): void {
  checkEventName(frame, event)
  // The content of a streamed message comes in events of its own.
  if (isObject(event.message) && blocksOf(event.message).length > 0)
    malformed('content for a message that was never started')
  const { type, content_block: block } = event
  if (type !== 'content_block_start' && isObject(block) && isCall(block))
    malformed('a call in an event that tells of something else')
}

function blocksOf({ content }: JsonObject): JsonObject[] {
  return objectsIn(content)
}
