/**
 * Responses of OpenAI's completions and chat completions: server-sent chunks that end with `[DONE]`, or one object.
 *
 * If a model dies during a stream, Ollama sends an empty chunk with `"model":""` and no `[DONE]` (recorded), so that
 * chunk is a failure. LocalAI sends `error` and then `[DONE]`, which is a failure too.
 */
import { isObject, type JsonObject, type JsonValue, objectsIn, parse, stringOf } from '../../core/json.ts'
import { Refusal } from '../../core/refusal.ts'
import { type Usage, usageOf } from '../../core/usage.ts'
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
  toFrames,
} from '../common/output-filter.ts'
import { HeldSize, maxHeldFrames, ParkedFrame } from '../common/parked-calls.ts'
import { RepeatedFrames } from '../common/repeated-frames.ts'
import { withRequestedModel } from '../common/requested-model.ts'
import { noArgumentsExcept, noCallsExcept, readFrame, schema } from '../common/response-schema.ts'
import { Transcript } from '../common/transcript.ts'
import type { ModelNames, ResponseReader, ToolCall } from '../dialect.ts'
import type { Frame } from '../framing/framing.ts'
import { pieceOfChunk } from './piece.ts'
import { isFinished, messageOf, OpenaiToolCalls } from './tool-calls.ts'

const end = '[DONE]'
const called = schema({ name: 'string', arguments: 'string', ...noArgumentsExcept('name', 'arguments') })
const message = schema({
  role: 'string',
  ...noCallsExcept('tool_calls', 'function_call'),
  content: 'parts',
  refusal: 'string',
  reasoning: 'string',
  reasoning_content: 'string',
  tool_calls: [
    schema({
      id: 'any',
      index: 'index',
      type: 'word',
      function: called,
      custom: schema({ name: 'string', input: 'string', ...noArgumentsExcept('name', 'input') }),
      ...noArgumentsExcept(),
      ...noCallsExcept('function'),
    }),
  ],
  function_call: called,
})
const ofChunk = schema({
  model: 'string',
  choices: [
    schema({
      index: 'index',
      delta: message,
      message,
      text: 'string',
      logprobs: 'any',
      finish_reason: 'string',
      ...noCallsExcept(),
    }),
  ],
  ...noCallsExcept(),
  usage: 'any',
  error: 'any',
})
/** Members that are read in their own way. */
const inChunk: HandledElsewhere = (key) => (key === 'choices' ? 'objects' : undefined)
const inChoice: HandledElsewhere = (key) =>
  key === 'text' ? key : choiceParts.has(key) ? 'objects' : undefined
const choiceParts = new Set(['delta', 'message', 'logprobs'])
const callFields = new Set(['tool_calls', 'function_call'])
/** Strings of a message that are no output of the model. */
const noText = new Set(['role', 'id', 'type'])
const inMessage: HandledElsewhere = (key, value) =>
  key === 'function_call' || (key === 'tool_calls' && Array.isArray(value))
    ? 'objects'
    : noText.has(key)
      ? undefined
      : 'text'

/** Reads one response. */
export class OpenaiResponseReader implements ResponseReader {
  state: ResponseReader['state'] = 'open'
  usage: Usage | undefined
  isCutShort = false
  readonly #names: ModelNames
  readonly #stream: boolean
  readonly #hideUsage: boolean
  readonly transcript = new Transcript()
  readonly #channels = new OpenChannels()
  readonly #edits = new Edits()
  readonly #callNames = new Map<string, string>()
  readonly #calls = new OpenaiToolCalls(this.transcript)
  readonly #otherTexts: OtherTexts
  readonly #repeated = new RepeatedFrames(this.transcript)
  /** The last chunk, but for its text, for the members that all chunks share. */
  #head: JsonObject = {}
  /** The chunks of the calls that wait to be judged, without these calls. */
  #heldChunks: { readonly frame: Frame; readonly chunk: JsonObject }[] = []
  readonly #heldSize = new HeldSize()
  readonly #parked = new ParkedFrame<{ readonly frame: Frame; readonly chunk: JsonObject | undefined }>()

  /** @param hideUsage whether the gateway asked for token counts and the client did not */
  constructor(names: ModelNames, stream: boolean, hideUsage: boolean) {
    this.#names = names
    this.#stream = stream
    this.#hideUsage = hideUsage
    this.#otherTexts = new OtherTexts(this.#edits, this.transcript, names)
  }

  get answers(): readonly string[] | undefined {
    return this.transcript.answersIn((channel) => /^\d+\/(?:content|text)$/.test(channel))
  }

  get held(): number {
    return this.#heldSize.length
  }

  get waiting(): readonly ToolCall[] {
    return this.#parked.calls
  }

  frame({ data }: Frame, filter: OutputFilter): FilteredFrames {
    // OpenAI's events have no names.
    const frame: Frame = { data }
    const repeated = this.#repeated.read(frame, filter)
    if (repeated) return repeated
    const passed = this.#read(frame, filter)
    const isRepeatable = this.#stream && this.state === 'open' && this.#otherTexts.isQuiet
    this.#repeated.learn(frame, passed, isRepeatable ? pieceOfChunk : undefined)
    return passed
  }

  #read(frame: Frame, filter: OutputFilter): FilteredFrames {
    if (this.#stream && frame.data === end) {
      const waiting = filter.judgesCalls ? this.#calls.complete() : []
      if (waiting.length > 0) return this.#parked.park({ frame, chunk: undefined }, waiting)
      this.state = 'ended'
      return framesBefore(this.#channels.close(filter), frame)
    }
    const chunk = readFrame(frame, ofChunk)
    if (!chunk || chunk.error !== undefined || (this.#stream && chunk.model === '')) {
      this.state = 'failed'
      return undefined
    }
    // Counted before anything can be refused, because the model has done the work.
    this.#countUsage(chunk.usage)
    const waiting = filter.judgesCalls ? this.#calls.takeFrom(choicesOf(chunk), this.#stream) : []
    if (waiting.length > 0) return this.#parked.park({ frame, chunk }, waiting)
    if (this.#stream && this.#calls.isChanged) return this.#hold(frame, chunk)
    return this.#filterChunk(frame, chunk, filter, [])
  }

  #hold(frame: Frame, chunk: JsonObject): undefined {
    this.#heldSize.add(frame)
    this.#calls.isChanged = false
    if (this.#heldChunks.length < maxHeldFrames || !saysNothing(chunk))
      this.#heldChunks.push({ frame, chunk })
    else this.#calls.hasDroppedChunks = true
  }

  resume(verdicts: readonly SettledVerdict[], filter: OutputFilter): FilteredFrames {
    const parked = this.#parked.release()
    if (!parked) return undefined
    const held = this.#heldChunks
    this.#heldChunks = []
    this.#heldSize.clear()
    if (this.#stream && this.#calls.passAll(verdicts)) {
      this.#calls.isChanged = false
      return [...held, parked].flatMap(({ frame }) => toFrames(this.#readAgain(frame, filter)))
    }
    const without = held.flatMap(({ frame, chunk }) => {
      this.#calls.isChanged = true
      return toFrames(this.#filterChunk(frame, chunk, filter, []))
    })
    const choices = parked.chunk ? choicesOf(parked.chunk) : []
    const before = this.#calls.settle(verdicts, choices, this.#stream, filter)
    if (parked.chunk && this.#head.model === undefined) this.#head = parked.chunk
    const frames = [...without, ...before.flatMap((choice) => this.#framesFor(choice, filter))]
    this.#calls.isChanged = true
    if (parked.chunk) return this.#filterChunk(parked.frame, parked.chunk, filter, frames)
    this.state = 'ended'
    return [...frames, ...this.#channels.close(filter), parked.frame]
  }

  /** Makes the frames of a call, which was read already, or of a note, which follows the text that is still held. */
  #framesFor(choice: JsonObject, filter: OutputFilter): readonly Frame[] {
    const frame = this.#frameOf(choice)
    if (!isObject(choice.delta) || typeof choice.delta.content !== 'string') return [frame]
    return toFrames(this.#filterChunk(frame, { ...this.#head, choices: [choice] }, filter, []))
  }

  /** Reads a frame again, with its calls. */
  #readAgain(frame: Frame, filter: OutputFilter): FilteredFrames {
    const chunk = frame.data === end ? undefined : parse(frame.data)
    if (isObject(chunk)) return this.#filterChunk(frame, chunk, filter, [])
    this.state = 'ended'
    return framesBefore(this.#channels.close(filter), frame)
  }

  #filterChunk(
    frame: Frame,
    chunk: JsonObject,
    filter: OutputFilter,
    before: readonly Frame[],
  ): FilteredFrames {
    const choices = choicesOf(chunk)
    let changed = this.#calls.isChanged
    this.#calls.isChanged = false
    this.#otherTexts.begin()
    this.#otherTexts.filterMembers(chunk, filter, inChunk)
    // Copied only if it was changed: it is needed when held text leaves.
    if (this.#stream) this.#head = this.#edits.any ? { ...chunk } : chunk
    const rests: Frame[] = [...before]
    for (const choice of choices) {
      const key = `${choice.index ?? 0}/`
      dropUnread(choice, this.#stream, this.#edits)
      this.#filterChoice(key, choice, filter)
      if (!isFinished(choice)) continue
      if (choice.finish_reason === 'length') this.isCutShort = true
      if (this.state === 'open') this.state = 'finished'
      rests.push(...this.#channels.close(filter, key))
    }
    if (!this.#stream) this.state = 'ended'
    if (this.#stream && this.#hideUsage && isObject(chunk.usage)) {
      if (choices.length === 0) return rests
      // Completions have a usage of zero in every chunk once it is requested.
      delete chunk.usage
      changed = true
    }
    const named = withRequestedModel(chunk, this.#names)
    const isOther = changed || named !== chunk
    return framesBefore(
      rests,
      this.#edits.seal(frame, () => named, isOther),
    )
  }

  #countUsage(usage: JsonValue | undefined): void {
    if (!isObject(usage)) return
    const counted = usageOf(usage.prompt_tokens ?? 0, usage.completion_tokens ?? 0)
    if (counted && counted.input + counted.output > 0) this.usage = counted
  }

  /** Filters every text of a choice, in place. */
  #filterChoice(key: string, choice: JsonObject, filter: OutputFilter): void {
    const index = choice.index ?? 0
    let said = ''
    if (typeof choice.text === 'string') {
      said = choice.text
      this.#filterText(key, choice, 'text', filter, (text) => ({ index, text, finish_reason: null }))
    }
    this.#otherTexts.filterMembers(choice, filter, inChoice)
    const message = messageOf(choice, this.#stream)
    if (message) {
      this.#otherTexts.filterMembers(message, filter, inMessage)
      if (typeof message.content === 'string') said = message.content
      for (const field of Object.keys(message)) {
        if (typeof message[field] !== 'string' || noText.has(field)) continue
        const choiceOf = (text: string) => ({ index, delta: { [field]: text }, finish_reason: null })
        this.#filterText(key, message, field, filter, choiceOf)
      }
      this.#filterCalls(key, index, message, filter)
    }
    filterLogprobs(choice, 'logprobs', said, this.#edits.any, this.#edits)
  }

  #filterText(
    key: string,
    holder: JsonObject,
    field: string,
    filter: OutputFilter,
    choiceOf: (text: string) => JsonObject,
  ): void {
    const text = holder[field]
    if (typeof text !== 'string' || text === '') return
    const kind: TextKind = field.startsWith('reasoning') || field === 'thinking' ? 'thinking' : 'content'
    this.transcript.addText(`${key}${field}`, text)
    this.#edits.put(holder, field, text, this.#filterPiece(`${key}${field}`, kind, text, filter, choiceOf))
  }

  #filterPiece(
    channel: string,
    kind: TextKind,
    text: string,
    filter: OutputFilter,
    choiceOf: (text: string) => JsonObject,
  ): string {
    if (!this.#stream) return filter.whole(kind, text)
    if (!this.#channels.has(channel)) this.#channels.open(channel, (rest) => this.#frameOf(choiceOf(rest)))
    return filter.next(channel, kind, text)
  }

  #filterCalls(key: string, index: JsonValue, message: JsonObject, filter: OutputFilter): void {
    for (const part of this.#calls.partsOf(message, this.#stream)) {
      const { call, called, callField, argumentsField, shape } = part
      const channel = `${key}call ${part.key}`
      const name = stringOf(called.name)
      const piece = stringOf(called[argumentsField])
      this.transcript.addCall(channel, name, piece)
      this.#otherTexts.filterMembers(call, filter, (each) =>
        call[callField] === called && each === callField ? 'objects' : undefined,
      )
      this.#otherTexts.filterMembers(called, filter, (each) =>
        each === 'name' || each === argumentsField ? 'text' : undefined,
      )
      if (name !== '') this.#edits.put(called, 'name', name, this.#filterName(channel, name, filter))
      if (piece === '') continue
      const choiceOf = (rest: string) => ({
        index,
        delta: shape({ [argumentsField]: rest }),
        finish_reason: null,
      })
      const kind = argumentsField === 'input' ? 'input' : 'arguments'
      const passed = this.#filterPiece(channel, kind, piece, filter, choiceOf)
      this.#edits.put(called, argumentsField, piece, passed)
    }
  }

  /** Names arrive whole, and clients need them at once. One that is bad only when put together ends the response. */
  #filterName(channel: string, piece: string, filter: OutputFilter): string {
    const name = (this.#callNames.get(channel) ?? '') + piece
    this.#callNames.set(channel, name)
    const judged = filter.whole('name', name)
    if (name === piece || judged === name) return name === piece ? judged : piece
    throw new Refusal('output_blocked', { detail: 'a name in pieces' })
  }

  #frameOf(choice: JsonObject): Frame {
    const { choices: _, usage: __, ...head } = this.#head
    return { data: JSON.stringify(withRequestedModel({ ...head, choices: [choice] }, this.#names)) }
  }
}

function choicesOf({ choices }: JsonObject): JsonObject[] {
  return objectsIn(choices)
}

/**
 * Drops a second message of a choice and, in a stream, members that are no strings (audio, annotations), because no guard
 * can put their pieces together.
 */
function dropUnread(choice: JsonObject, stream: boolean, edits: Edits): void {
  if ((choice.delta ?? null) !== null && (choice.message ?? null) !== null)
    edits.drop(choice, stream ? 'message' : 'delta')
  const message = stream ? messageOf(choice, stream) : undefined
  for (const [key, value] of Object.entries(message ?? {}))
    if (message && typeof value === 'object' && value !== null && !callFields.has(key))
      edits.drop(message, key)
}

/** Tells whether a chunk held nothing but the pieces of calls that were taken out. */
function saysNothing(chunk: JsonObject): boolean {
  return choicesOf(chunk).every((choice) => {
    const said = messageOf(choice, true) ?? {}
    return Object.keys(said).every((key) => key === 'role' || said[key] === null || said[key] === '')
  })
}
