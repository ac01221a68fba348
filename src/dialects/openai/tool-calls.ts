/**
 * Tool calls in OpenAI's chunks: where their pieces stand, and how calls are kept out of an answer until somebody has
 * judged them. What passes leaves in one piece, numbered anew; a note stands where a call was taken out.
 */
import { isObject, type JsonObject, type JsonValue, stringOf } from '../../core/json.ts'
import type { OutputFilter, SettledVerdict } from '../common/output-filter.ts'
import type { Transcript } from '../common/transcript.ts'
import { optionalId, type ToolCall } from '../dialect.ts'

/** Where a call says what it calls: functions with JSON, custom tools with any text, and the older form, one a choice. */
const forms = [
  { callField: 'function', argumentsField: 'arguments' },
  { callField: 'custom', argumentsField: 'input' },
] as const
const oldForm = { callField: 'function_call', argumentsField: 'arguments' } as const

/** One call, or a piece of one, in a message. */
interface CallPiece {
  readonly key: string
  readonly call: JsonObject
  readonly called: JsonObject
  readonly callField: 'function' | 'custom' | 'function_call'
  /** What in `called` holds the arguments. */
  readonly argumentsField: 'arguments' | 'input'
  /** It has no known form, or two: it calls nothing that has a name. */
  readonly isAmbiguous: boolean
  /** A delta of this call. */
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
  /** Whether every client sees in its pieces the call that we do. */
  isPlain: boolean
}

/** What a choice says; of a choice that says two things, what belongs to the way it came. */
export function messageOf({ delta, message }: JsonObject, stream: boolean): JsonObject | undefined {
  const said = stream ? (delta ?? message) : (message ?? delta)
  return isObject(said) ? said : undefined
}

/** Some servers say the empty reason until there is one. */
export function isFinished({ finish_reason: reason }: JsonObject): boolean {
  return typeof reason === 'string' && reason !== ''
}

export class OpenaiToolCalls {
  /** Whether the last choices were changed by taking calls out. */
  isChanged = false
  /** Some of the chunks that brought those that wait are gone. */
  areThinned = false
  readonly #transcript: Transcript
  readonly #gathered = new Map<string, BufferedCall>()
  #displaced = 0
  #judged: BufferedCall[] = []
  /** By choice: how many calls have passed. */
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
      const called = isAmbiguous ? {} : (call[callField] as JsonObject)
      const shape = (called: JsonObject) => ({ tool_calls: [{ index, [callField]: called }] })
      // A later piece may have nothing but its place.
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
      // Another call in the same place: of what came before, nothing more comes.
      this.#gathered.delete(place)
      this.#gathered.set(`${place} ${this.#displaced++}`, { ...begun, isPlain: false })
      begun = undefined
    }
    const isPlain = call.index !== undefined || callField === 'function_call'
    if (!begun) {
      const first = { choice, call, callField, argumentsField, name, args, isAmbiguous }
      this.#gathered.set(place, { ...first, isPlain: isPlain && name !== '' })
      return
    }
    // Some clients put the pieces of a name together, others take the second for that of another call.
    begun.isPlain &&= isPlain && name === ''
    begun.isAmbiguous ||= isAmbiguous || begun.callField !== callField
    begun.name += name
    begun.args += args
  }

  /** Takes the calls of these choices, or of all, for complete. */
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
   * Where all of them pass, can be read in one way only, and no other is being written, the chunks that brought them
   * leave as they came.
   * @returns false where they cannot; then nothing was done
   */
  passAll(verdicts: readonly SettledVerdict[]): boolean {
    if (
      this.areThinned ||
      this.#hasStripped ||
      this.#gathered.size > 0 ||
      verdicts.some(({ kind }) => kind === 'strip')
    )
      return false
    if (!this.#judged.every(({ isPlain, isAmbiguous }) => isPlain && !isAmbiguous)) return false
    for (const { choice } of this.#judged) this.#passed.set(choice, (this.#passed.get(choice) ?? 0) + 1)
    this.#judged = []
    return true
  }

  /**
   * Puts what passed back: into the choices of a whole answer, or into choices of their own before those of a stream.
   * @returns choices that leave first
   */
  settle(
    verdicts: readonly SettledVerdict[],
    choices: readonly JsonObject[],
    stream: boolean,
    filter: OutputFilter,
  ): JsonObject[] {
    this.isChanged = true
    this.areThinned = false
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
          : { content: this.#transcript.behind(verdict.note) }
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
    this.#transcript.call(`${JSON.stringify(choice)}/call ${index}`, name, args)
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

/** Of a whole answer: the call as it came, which is still to be read, or what is said in its place. */
function putIntoMessage(message: JsonObject | undefined, what: BufferedCall | string): void {
  if (!message) return
  if (typeof what === 'string') message.content = [message.content, what].filter(Boolean).join('\n')
  else if (what.callField === 'function_call')
    message.function_call = { name: what.name, arguments: what.args }
  else if (Array.isArray(message.tool_calls)) message.tool_calls.push(what.call)
  else message.tool_calls = [what.call]
}
