/**
 * OpenAI's answers: server-sent chunks that end with `[DONE]`, or one object.
 *
 * Ollama reports a model that died in mid-stream as an empty chunk with `"model":""` and leaves `[DONE]` out
 * (seen on the wire), so that chunk is a failure; LocalAI sends `error` and then `[DONE]`: also a failure.
 */
import { isObject, type JsonObject, type JsonValue } from '../core/json.ts'
import { type Usage, usageOf } from '../core/usage.ts'
import { asAsked, frameAsAsked } from './as-asked.ts'
import type { AnswerReader, ModelNames } from './dialect.ts'
import type { Frame } from './framing/framing.ts'
import { Transcript } from './transcript.ts'

const end = '[DONE]'

export class OpenaiAnswer implements AnswerReader {
  state: AnswerReader['state'] = 'open'
  usage: Usage | undefined
  readonly #names: ModelNames
  readonly #stream: boolean
  readonly #hideUsage: boolean
  readonly transcript = new Transcript()

  /** `hideUsage`: the gate asked for the usage chunk, the client did not. */
  constructor(names: ModelNames, stream: boolean, hideUsage: boolean) {
    this.#names = names
    this.#stream = stream
    this.#hideUsage = hideUsage
  }

  frame(frame: Frame): Frame | undefined {
    if (this.#stream && frame.data === end) {
      this.state = 'ended'
      return frame
    }
    const chunk = JSON.parse(frame.data) as JsonValue
    if (!isObject(chunk) || chunk.error !== undefined || (this.#stream && chunk.model === '')) {
      this.state = 'failed'
      return undefined
    }
    if (!this.#stream) this.state = 'ended'
    const choices = Array.isArray(chunk.choices) ? chunk.choices : []
    for (const choice of choices) if (isObject(choice)) this.#gather(choice)
    this.#count(chunk.usage)
    if (this.#stream && this.#hideUsage && isObject(chunk.usage)) {
      if (choices.length === 0) return undefined
      // Completions carry a zero usage in every chunk once it is asked for.
      delete chunk.usage
      return { data: JSON.stringify(asAsked(chunk, this.#names)) }
    }
    return frameAsAsked(frame, chunk, this.#names)
  }

  #count(usage: JsonValue | undefined): void {
    if (!isObject(usage)) return
    const counted = usageOf(usage.prompt_tokens ?? 0, usage.completion_tokens ?? 0)
    if (counted && counted.input + counted.output > 0) this.usage = counted
  }

  #gather(choice: JsonObject): void {
    if (typeof choice.text === 'string') this.transcript.say('content', choice.text)
    const message = choice.delta ?? choice.message
    if (isObject(message)) {
      if (typeof message.reasoning === 'string') this.transcript.say('thinking', message.reasoning)
      if (typeof message.content === 'string') this.transcript.say('content', message.content)
      if (Array.isArray(message.tool_calls))
        for (const [position, call] of message.tool_calls.entries()) this.#call(choice.index, call, position)
    }
    if (typeof choice.finish_reason === 'string' && this.state === 'open') this.state = 'finished'
  }

  #call(choice: JsonValue | undefined, call: JsonValue, position: number): void {
    const called = isObject(call) ? call.function : undefined
    if (!isObject(call) || !isObject(called)) return
    const key = `${choice ?? 0}/${call.index ?? position}`
    const piece = typeof called.arguments === 'string' ? called.arguments : ''
    this.transcript.call(key, typeof called.name === 'string' ? called.name : '', piece)
  }
}
