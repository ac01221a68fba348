/**
 * Tool calls in OpenAI's chunks: where their pieces are, and how calls are held until they were judged. What passes
 * leaves in one piece and with a new index; a note replaces a call that was stripped.
 */
import { isObject, type JsonObject, type JsonValue, stringOf } from '../../core/json.ts'
import type { OutputFilter, SettledVerdict } from '../common/output-filter.ts'
import type { Transcript } from '../common/transcript.ts'
import { optionalId, type ToolCall } from '../dialect.ts'

/** The fields of a call: functions take JSON, custom tools plain text. The legacy form allows one call in a choice. */
const forms = [
  { callField: 'function', argumentsField: 'arguments' },
  { callField: 'custom', argumentsField: 'input' },
] as const
const oldForm = { callField: 'function_call', argumentsField: 'arguments' } as const

/** A call, or a piece of one, in a message. */
interface CallPiece {
  readonly key: string
  readonly call: JsonObject
  readonly called: JsonObject
  readonly callField: 'function' | 'custom' | 'function_call'
  /** The member of `called` that holds the arguments. */
  readonly argumentsField: 'arguments' | 'input'
  /** It has no known form, or two of them, so it counts as a call of no known tool. */
  readonly isAmbiguous: boolean
  /** Makes a delta of this call. */
  shape(called: JsonObject): JsonObject
}

interface BufferedCall {
  readonly choice: JsonValue
  readonly call: JsonObject
  readonly callField: CallPiece['callField']
  readonly argumentsField: CallPiece['argumentsField']
  name: string
  args: string
  isAmbiguous: boolean
  /** Whether every client puts its pieces together as we do. */
  canLeaveUnchanged: boolean
}

/** Returns the message of a choice: of a choice with two, the one that fits a stream or a whole response. */
export function messageOf({ delta, message }: JsonObject, stream: boolean): JsonObject | undefined {
  const said = stream ? (delta ?? message) : (message ?? delta)
  return isObject(said) ? said : undefined
}

/** Tells whether a choice has a finish reason; some servers send an empty one before. */
export function isFinished({ finish_reason: reason }: JsonObject): boolean {
  return typeof reason === 'string' && reason !== ''
}

/** Holds the tool calls of one response. */
export class OpenaiToolCalls {
  /** Whether taking out calls has changed the last choices. */
  isChanged = false
  /** Some of the chunks that brought the waiting calls were dropped. */
  hasDroppedChunks = false
  readonly #transcript: Transcript
  readonly #gathered = new Map<string, BufferedCall>()
  #displaced = 0
  #judged: BufferedCall[] = []
  /** How many calls have passed, by choice. */
  readonly #passed = new Map<JsonValue, number>()
  #hasStripped = false

  constructor(transcript: Transcript) {
    this.#transcript = transcript
  }

  partsOf(message: JsonObject, stream: boolean): CallPiece[] {
    const parts: CallPiece[] = []
    const items = Array.isArray(message.tool_calls) ? message.tool_calls : []
    for (const [position, call] of items.entries()) {
      if (!isObject(call)) continue
      const index = stream ? (call.index ?? position) : position
      const found = forms.filter(({ callField }) => isObject(call[callField]))
      const { callField, argumentsField } = found[0] ?? forms[0]
      const isAmbiguous = found.length !== 1 || [call.name, call.arguments, call.input].some(isPresent)
      const said = call[callField]
      const called = !isAmbiguous && isObject(said) ? said : {}
      const shape = (called: JsonObject) => ({ tool_calls: [{ index, [callField]: called }] })
      // A later piece may have nothing but its index.
      const isEmpty = found.length === 0 && Object.keys(call).every((key) => /^(?:index|id|type)$/.test(key))
      parts.push({
        key: `${index}`,
        call,
        called,
        callField,
        argumentsField,
        shape,
        isAmbiguous: isAmbiguous && !isEmpty,
      })
    }
    const old = message.function_call
    if (isObject(old)) {
      const shape = (called: JsonObject) => ({ function_call: called })
      parts.push({ key: 'old', call: {}, called: old, ...oldForm, shape, isAmbiguous: false })
    }
    return parts
  }

  /** Takes the calls out of a chunk, or a whole answer. @returns those that are complete */
  takeFrom(choices: readonly JsonObject[], stream: boolean): readonly ToolCall[] {
    const finished = new Set<JsonValue>()
    for (const [position, choice] of choices.entries()) {
      const of = stream ? (choice.index ?? 0) : position
      const message = messageOf(choice, stream)
      if (message) {
        for (const part of this.partsOf(message, stream)) this.#gather(of, part)
        delete message.tool_calls
        delete message.function_call
      }
      if (!stream || isFinished(choice)) finished.add(of)
    }
    return finished.size > 0 ? this.complete(finished) : []
  }

  #gather(choice: JsonValue, { key, call, called, callField, argumentsField, isAmbiguous }: CallPiece): void {
    const place = `${JSON.stringify(choice)}/${key}`
    const args = stringOf(called[argumentsField])
    const name = stringOf(called.name)
    this.isChanged = true
    let begun = this.#gathered.get(place)
    if (begun && name !== '' && areDifferentIds(begun.call.id, call.id)) {
      // Another call with the same index: the one before it is complete.
      this.#gathered.delete(place)
      this.#gathered.set(`${place} ${this.#displaced++}`, { ...begun, canLeaveUnchanged: false })
      begun = undefined
    }
    const isPlain = call.index !== undefined || callField === 'function_call'
    if (!begun) {
      const first = { choice, call, callField, argumentsField, name, args, isAmbiguous }
      this.#gathered.set(place, { ...first, canLeaveUnchanged: isPlain && name !== '' })
      return
    }
    // Some clients join the pieces of a name, others take the second one for another call's name.
    begun.canLeaveUnchanged &&= isPlain && name === ''
    begun.isAmbiguous ||= isAmbiguous || begun.callField !== callField
    begun.name += name
    begun.args += args
  }

  /** Returns the calls of these choices, or of all, as complete. */
  complete(finished?: ReadonlySet<JsonValue>): readonly ToolCall[] {
    this.#judged = []
    for (const [id, each] of this.#gathered) {
      if (finished && !finished.has(each.choice)) continue
      if (each.isAmbiguous) each.name = ''
      this.#judged.push(each)
      this.#gathered.delete(id)
    }
    return this.#judged.map(({ call, name, args }) => ({
      ...optionalId(call.id),
      name,
      arguments: args,
    }))
  }

  /**
   * Lets the chunks leave as they came, if all calls pass, can be read in one way only, and no other call is open.
   * @returns false if they cannot; then nothing was changed
   */
  passAll(verdicts: readonly SettledVerdict[]): boolean {
    if (
      this.hasDroppedChunks ||
      this.#hasStripped ||
      this.#gathered.size > 0 ||
      verdicts.some(({ kind }) => kind === 'strip')
    )
      return false
    if (!this.#judged.every(({ canLeaveUnchanged: isPlain, isAmbiguous }) => isPlain && !isAmbiguous))
      return false
    for (const { choice } of this.#judged) this.#passed.set(choice, (this.#passed.get(choice) ?? 0) + 1)
    this.#judged = []
    return true
  }

  /**
   * Puts the calls that passed, and notes for the others, back into the choices of a whole response, or into choices of
   * their own before those of a stream.
   * @returns the choices that leave first
   */
  settle(
    verdicts: readonly SettledVerdict[],
    choices: readonly JsonObject[],
    stream: boolean,
    filter: OutputFilter,
  ): JsonObject[] {
    this.isChanged = true
    this.hasDroppedChunks = false
    const before: JsonObject[] = []
    for (const [index, each] of this.#judged.entries()) {
      const verdict = verdicts[index]
      const isPassed = verdict?.kind !== 'strip'
      const number = this.#passed.get(each.choice) ?? 0
      if (isPassed) this.#passed.set(each.choice, number + 1)
      else this.#hasStripped = true
      if (stream) {
        const delta = isPassed
          ? this.#passing(each, number, filter)
          : { content: this.#transcript.asOwnLine(verdict.note) }
        before.push({ index: each.choice, delta, finish_reason: null })
      } else
        putIntoMessage(messageOf(choices[Number(each.choice)] ?? {}, stream), isPassed ? each : verdict.note)
    }
    const judged = new Set(this.#judged.map((each) => each.choice))
    for (const [position, choice] of choices.entries()) {
      const of = stream ? (choice.index ?? 0) : position
      const stripped = judged.has(of) && !this.#passed.has(of)
      if (stripped && /^(?:tool_calls|function_call)$/.test(String(choice.finish_reason)))
        choice.finish_reason = 'stop'
    }
    this.#judged = []
    return before
  }

  #passing(
    { choice, call, callField, argumentsField, name, args }: BufferedCall,
    index: number,
    filter: OutputFilter,
  ): JsonObject {
    this.#transcript.addCall(`${JSON.stringify(choice)}/call ${index}`, name, args)
    const called = { name: filter.whole('name', name), [argumentsField]: filter.whole('arguments', args) }
    if (callField === 'function_call') return { function_call: called }
    const id = typeof call.id === 'string' ? { id: filter.whole('name', call.id) } : {}
    return { tool_calls: [{ index, ...id, type: callField, [callField]: called }] }
  }
}

function isPresent(value: JsonValue | undefined): boolean {
  return value !== undefined && value !== null
}

function areDifferentIds(begun: JsonValue | undefined, id: JsonValue | undefined): boolean {
  return stringOf(begun) !== '' && stringOf(id) !== '' && begun !== id
}

/** Puts a call as it came, or the note in its place, into a message of a whole response. */
function putIntoMessage(message: JsonObject | undefined, what: BufferedCall | string): void {
  if (!message) return
  if (typeof what === 'string') message.content = [message.content, what].filter(Boolean).join('\n')
  else if (what.callField === 'function_call')
    message.function_call = { name: what.name, arguments: what.args }
  else if (Array.isArray(message.tool_calls)) message.tool_calls.push(what.call)
  else message.tool_calls = [what.call]
}
