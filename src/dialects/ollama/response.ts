/**
 * Responses of Ollama's native API: NDJSON lines, or one object. `done: true` is the end mark. A line with `error` is a
 * failure under status 200, and so is LocalAI's `done_reason: "error"`. The token `context` of `/api/generate` is removed:
 * it is prompt and response in a form that no guard reads.
 */
import { isObject, type JsonObject, objectsIn, parse, stringOf } from '../../core/json.ts'
import { type Usage, usageOf, withDurations } from '../../core/usage.ts'
import { filterLogprobs } from '../common/logprobs.ts'
import { type HandledElsewhere, OtherTexts } from '../common/other-texts.ts'
import {
  Edits,
  type FilteredFrames,
  framesBefore,
  OpenChannels,
  type OutputFilter,
  type SettledVerdict,
  type TextKind,
} from '../common/output-filter.ts'
import { ParkedFrame } from '../common/parked-calls.ts'
import { RepeatedFrames } from '../common/repeated-frames.ts'
import { withRequestedModel } from '../common/requested-model.ts'
import { noArgumentsExcept, noCallsExcept, readFrame, schema } from '../common/response-schema.ts'
import { Transcript } from '../common/transcript.ts'
import { type ModelNames, optionalId, type ResponseReader, type ToolCall } from '../dialect.ts'
import type { Frame } from '../framing/framing.ts'
import { pieceOfLine } from './piece.ts'

/** Both `/api/chat` and `/api/generate` have tool calls (Ollama v0.33, `api/types.go`). */
const ofCalls = [
  schema({
    id: 'string',
    type: 'word',
    function: schema({
      index: 'any',
      name: 'string',
      arguments: 'any',
      ...noArgumentsExcept('name', 'arguments'),
    }),
    ...noArgumentsExcept(),
    ...noCallsExcept('function'),
  }),
] as const
const ofLine = schema({
  model: 'string',
  created_at: 'string',
  message: schema({
    role: 'string',
    content: 'string',
    thinking: 'string',
    images: 'any',
    tool_calls: ofCalls,
    ...noCallsExcept('tool_calls'),
  }),
  response: 'string',
  thinking: 'string',
  tool_calls: ofCalls,
  ...noCallsExcept('tool_calls'),
  logprobs: 'any',
  context: 'any',
  done: 'any',
  done_reason: 'string',
  error: 'any',
  prompt_eval_count: 'any',
  eval_count: 'any',
  total_duration: 'any',
  load_duration: 'any',
  prompt_eval_duration: 'any',
  eval_duration: 'any',
  embedding: 'any',
  embeddings: 'any',
})
/** Members that are read in their own way. */
const inLine: HandledElsewhere = (key) =>
  key === 'thinking' || key === 'response'
    ? 'text'
    : key === 'message' || key === 'logprobs' || key === 'tool_calls'
      ? 'objects'
      : undefined
const inMessage: HandledElsewhere = (key) =>
  key === 'thinking' || key === 'content' ? 'text' : key === 'tool_calls' ? 'objects' : undefined
const inCall: HandledElsewhere = (key) => (key === 'function' ? 'objects' : undefined)
const inFunction: HandledElsewhere = (key) =>
  key === 'name' ? 'text' : key === 'arguments' ? 'objects' : undefined

/** Reads one response of Ollama's native API. */
export class OllamaResponseReader implements ResponseReader {
  state: ResponseReader['state'] = 'open'
  usage: Usage | undefined
  isCutShort = false
  readonly #names: ModelNames
  readonly transcript = new Transcript()
  readonly #channels = new OpenChannels()
  readonly #edits = new Edits()
  readonly #otherTexts: OtherTexts
  readonly #repeated = new RepeatedFrames(this.transcript)
  #callCount = 0
  readonly #parked = new ParkedFrame<{ readonly frame: Frame; readonly line: JsonObject }>()

  constructor(names: ModelNames) {
    this.#names = names
    this.#otherTexts = new OtherTexts(this.#edits, this.transcript, names)
  }

  get answers(): readonly string[] | undefined {
    return this.transcript.answersIn((channel) => channel === 'message.content' || channel === 'response')
  }

  get waiting(): readonly ToolCall[] {
    return this.#parked.calls
  }

  frame(frame: Frame, filter: OutputFilter): FilteredFrames {
    const repeated = this.#repeated.read(frame, filter)
    if (repeated) return repeated
    const passed = this.#read(frame, filter)
    this.#repeated.learn(frame, passed, this.#otherTexts.isQuiet ? pieceOfLine : undefined)
    return passed
  }

  #read(frame: Frame, filter: OutputFilter): FilteredFrames {
    const line = readFrame(frame, ofLine)
    if (!line || line.error !== undefined || line.done_reason === 'error') {
      this.state = 'failed'
      return undefined
    }
    // Counted before anything can be refused, because the model has done the work.
    if (line.prompt_eval_count !== undefined || line.eval_count !== undefined)
      this.usage = withDurations(usageOf(line.prompt_eval_count ?? 0, line.eval_count ?? 0), line)
    const calls = callsOf(line)
    if (!filter.judgesCalls || calls.length === 0) return this.#pass(frame, line, filter, false)
    return this.#parked.park({ frame, line }, calls.map(callOf))
  }

  resume(verdicts: readonly SettledVerdict[], filter: OutputFilter): FilteredFrames {
    const parked = this.#parked.release()
    if (!parked) return undefined
    const { frame, line } = parked
    let index = 0
    for (const holder of holdersOf(line)) {
      holder.tool_calls = objectsIn(holder.tool_calls).filter(() => verdicts[index++]?.kind !== 'strip')
      if (holder.tool_calls.length === 0) delete holder.tool_calls
    }
    const notes = verdicts.flatMap((verdict) => (verdict.kind === 'strip' ? [verdict.note] : []))
    const [said, field] = isObject(line.message) ? [line.message, 'content'] : [line, 'response']
    if (notes.length > 0)
      said[field] = said[field]
        ? [said[field], ...notes].join('\n')
        : this.transcript.asOwnLine(notes.join('\n'))
    return this.#pass(frame, line, filter, notes.length > 0)
  }

  #pass(frame: Frame, line: JsonObject, filter: OutputFilter, isChanged: boolean): FilteredFrames {
    const hasContext = line.context !== undefined
    delete line.context
    const done = line.done === true
    if (line.done_reason === 'length') this.isCutShort = true
    this.#filterLine(line, filter)
    // Embeddings have no `done` and are one document.
    if (done || line.embeddings !== undefined || line.embedding !== undefined) this.state = 'ended'
    const named = withRequestedModel(line, this.#names)
    const isOther = isChanged || hasContext || named !== line
    const last = this.#edits.seal(frame, () => withRequestedModel(line, this.#names), isOther)
    const rests = done ? this.#channels.close(filter) : []
    return framesBefore(rests, last)
  }

  /** Filters every text of a line, in place. */
  #filterLine(line: JsonObject, filter: OutputFilter): void {
    let said = ''
    const judge = (holder: JsonObject, field: string, kind: TextKind, channel: string) => {
      const text = holder[field]
      if (typeof text !== 'string' || text === '') return
      this.transcript.addText(channel, text)
      const passed = this.#filterPiece(channel, kind, text, filter, line)
      this.#edits.put(holder, field, text, passed)
      if (kind === 'content') said += text
    }
    this.#otherTexts.begin()
    this.#otherTexts.filterMembers(line, filter, inLine)
    judge(line, 'thinking', 'thinking', 'thinking')
    judge(line, 'response', 'content', 'response')
    const { message } = line
    if (isObject(message)) {
      this.#otherTexts.filterMembers(message, filter, inMessage)
      judge(message, 'thinking', 'thinking', 'message.thinking')
      judge(message, 'content', 'content', 'message.content')
    }
    for (const call of callsOf(line)) this.#filterCall(call, filter)
    filterLogprobs(line, 'logprobs', said, this.#edits.any, this.#edits)
  }

  #filterPiece(
    channel: string,
    kind: TextKind,
    text: string,
    filter: OutputFilter,
    line: JsonObject,
  ): string {
    const done = line.done === true
    const isOpen = this.#channels.has(channel)
    if (done && !isOpen) return filter.whole(kind, text)
    if (!isOpen)
      this.#channels.open(channel, (rest) => lineWith(channel, rest, withRequestedModel(line, this.#names)))
    const passed = filter.next(channel, kind, text)
    return done ? passed + filter.rest(channel) : passed
  }

  #filterCall(call: JsonObject, filter: OutputFilter): void {
    this.#otherTexts.filterMembers(call, filter, inCall)
    const called = call.function
    if (!isObject(called)) return
    this.#otherTexts.filterMembers(called, filter, inFunction)
    const { name, arguments: args } = callOf(call)
    this.transcript.addCall(`${this.#callCount++}`, name, args)
    this.#edits.put(called, 'name', name, filter.whole('name', name))
    const judged = filter.whole('arguments', args)
    if (judged !== args) this.#edits.put(called, 'arguments', called.arguments ?? {}, parse(judged))
  }
}

/** Returns the objects that may hold calls. */
function holdersOf(line: JsonObject): JsonObject[] {
  return [line.message, line].filter(isObject)
}

const none: JsonObject[] = []

function callsOf(line: JsonObject): JsonObject[] {
  const { message, tool_calls } = line
  // Called twice for every line, so the common case allocates nothing.
  const isCalling = tool_calls !== undefined || (isObject(message) && message.tool_calls !== undefined)
  return isCalling ? holdersOf(line).flatMap(({ tool_calls }) => objectsIn(tool_calls)) : none
}

function callOf(call: JsonObject): ToolCall {
  const called = isObject(call.function) ? call.function : {}
  return {
    ...optionalId(call.id),
    name: stringOf(called.name),
    arguments: JSON.stringify(called.arguments ?? {}),
  }
}

/** Makes a line with text of this channel. */
function lineWith(channel: string, rest: string, { model, created_at }: JsonObject): Frame {
  const [field = '', inner] = channel.split('.')
  const said = inner === undefined ? rest : { role: 'assistant', content: '', [inner]: rest }
  return { data: JSON.stringify({ model, created_at, [field]: said, done: false }) }
}
