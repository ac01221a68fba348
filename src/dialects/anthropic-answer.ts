/**
 * Answers of the Messages API: named server-sent events, or one object. `message_stop` is the end mark; Ollama
 * just stops when its model dies, LocalAI sends `error`. The counts of `message_start` are an estimate, those of
 * `message_delta` are real.
 */
import { isObject, type JsonObject, type JsonValue } from '../core/json.ts'
import { type Usage, usageOf } from '../core/usage.ts'
import { anthropicError } from './anthropic-error.ts'
import { frameAsAsked } from './as-asked.ts'
import type { AnswerReader, ModelNames, PublicError } from './dialect.ts'
import type { Frame } from './framing/framing.ts'
import { Transcript } from './transcript.ts'

export class AnthropicAnswer implements AnswerReader {
  state: AnswerReader['state'] = 'open'
  usage: Usage | undefined
  readonly transcript = new Transcript()
  readonly #names: ModelNames
  readonly #stream: boolean

  constructor(names: ModelNames, stream: boolean) {
    this.#names = names
    this.#stream = stream
  }

  frame(frame: Frame): Frame | undefined {
    const body = JSON.parse(frame.data) as JsonValue
    if (!isObject(body) || body.type === 'error' || body.error !== undefined) {
      this.state = 'failed'
      return undefined
    }
    return this.#stream ? this.#event(frame, body) : this.#whole(frame, body)
  }

  farewell(error: PublicError): Frame {
    return { event: 'error', data: JSON.stringify(anthropicError(error)) }
  }

  #whole(frame: Frame, message: JsonObject): Frame {
    if (Array.isArray(message.content))
      for (const [index, block] of message.content.entries()) this.#block(index, block)
    this.#count(message.usage)
    this.state = 'ended'
    return frameAsAsked(frame, message, this.#names)
  }

  #event(frame: Frame, event: JsonObject): Frame {
    switch (event.type) {
      case 'message_start':
        return frameAsAsked(frame, event, this.#names, 'message')
      case 'content_block_start':
        this.#block(event.index, event.content_block)
        return frame
      case 'content_block_delta':
        if (isObject(event.delta)) this.#delta(event.index, event.delta)
        return frame
      case 'message_delta':
        this.#count(event.usage)
        this.state = 'finished'
        return frame
      case 'message_stop':
        this.state = 'ended'
        return frame
      default:
        return frame
    }
  }

  #block(index: JsonValue | undefined, block: JsonValue | undefined): void {
    if (!isObject(block)) return
    if (typeof block.text === 'string') this.transcript.say('content', block.text)
    if (typeof block.thinking === 'string') this.transcript.say('thinking', block.thinking)
    if (block.type === 'tool_use') {
      // In a stream the input follows in pieces, and `{}` stands for it here.
      const whole = this.#stream ? '' : JSON.stringify(block.input ?? {})
      this.transcript.call(String(index), String(block.name), whole)
    }
  }

  #delta(index: JsonValue | undefined, delta: JsonObject): void {
    if (typeof delta.text === 'string') this.transcript.say('content', delta.text)
    if (typeof delta.thinking === 'string') this.transcript.say('thinking', delta.thinking)
    if (typeof delta.partial_json === 'string') this.transcript.call(String(index), '', delta.partial_json)
  }

  #count(usage: JsonValue | undefined): void {
    if (isObject(usage)) this.usage = usageOf(usage.input_tokens ?? 0, usage.output_tokens ?? 0)
  }
}
