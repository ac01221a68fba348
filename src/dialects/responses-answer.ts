/**
 * Answers of the Responses API: named server-sent events, or one object. `response.completed` (or `.incomplete`)
 * is the end mark; Ollama just stops when its model dies, LocalAI says `error` or `response.failed`.
 */
import { isObject, type JsonObject, type JsonValue } from '../core/json.ts'
import { isFinal } from '../core/refusal.ts'
import { type Usage, usageOf } from '../core/usage.ts'
import { frameAsAsked } from './as-asked.ts'
import type { AnswerReader, ModelNames, PublicError } from './dialect.ts'
import type { Frame } from './framing/framing.ts'
import { Transcript } from './transcript.ts'

const ends = new Set(['response.completed', 'response.incomplete'])
const failures = new Set(['response.failed', 'error'])

export class ResponsesAnswer implements AnswerReader {
  state: AnswerReader['state'] = 'open'
  usage: Usage | undefined
  readonly transcript = new Transcript()
  readonly #names: ModelNames
  readonly #stream: boolean
  keptAs: string | undefined
  #sequence = -1

  constructor(names: ModelNames, stream: boolean) {
    this.#names = names
    this.#stream = stream
  }

  frame(frame: Frame): Frame | undefined {
    const body = JSON.parse(frame.data) as JsonValue
    if (!isObject(body)) return this.#failed()
    return this.#stream ? this.#event(frame, body) : this.#whole(frame, body)
  }

  /**
   * `invalid_prompt` makes Codex stop at once and show the message; with any other code it asks five times more,
   * which is right only where asking again may help.
   */
  farewell({ code, message }: PublicError): Frame {
    const error = { code: isFinal(code) ? 'invalid_prompt' : 'server_error', message }
    const response = {
      id: this.keptAs ?? '',
      object: 'response',
      status: 'failed',
      model: this.#names.asked,
      output: [],
      error,
    }
    const type = 'response.failed'
    return { event: type, data: JSON.stringify({ type, sequence_number: this.#sequence + 1, response }) }
  }

  #failed(): undefined {
    this.state = 'failed'
  }

  #whole(frame: Frame, response: JsonObject): Frame | undefined {
    if (isObject(response.error) || response.status === 'failed' || !Array.isArray(response.output))
      return this.#failed()
    this.#keep(response.id)
    for (const item of response.output) this.#gather(item, true)
    this.#count(response.usage)
    this.state = 'ended'
    return frameAsAsked(frame, response, this.#names)
  }

  #event(frame: Frame, event: JsonObject): Frame | undefined {
    const type = String(event.type)
    const response = isObject(event.response) ? event.response : undefined
    if (failures.has(type) || isObject(response?.error)) return this.#failed()
    if (typeof event.sequence_number === 'number') this.#sequence = event.sequence_number
    this.#keep(response?.id)
    if (typeof event.delta === 'string') this.#delta(type, event.delta)
    if (type === 'response.output_item.done') this.#gather(event.item, false)
    if (ends.has(type)) {
      this.#count(response?.usage)
      this.state = 'ended'
    }
    return frameAsAsked(frame, event, this.#names, 'response')
  }

  #keep(id: JsonValue | undefined): void {
    if (typeof id === 'string' && /^[\w-]{1,128}$/.test(id)) this.keptAs = id
  }

  #delta(type: string, delta: string): void {
    if (type === 'response.output_text.delta' || type === 'response.refusal.delta')
      this.transcript.say('content', delta)
    else if (type.startsWith('response.reasoning')) this.transcript.say('thinking', delta)
  }

  /** `texts`: also what a stream has already told in pieces. */
  #gather(item: JsonValue | undefined, texts: boolean): void {
    if (!isObject(item)) return
    if (item.type === 'function_call')
      this.transcript.call(String(item.call_id), String(item.name), String(item.arguments ?? ''))
    if (!texts) return
    for (const [field, kind] of [
      ['summary', 'thinking'],
      ['content', item.type === 'reasoning' ? 'thinking' : 'content'],
    ] as const) {
      const parts = item[field]
      if (Array.isArray(parts))
        for (const part of parts)
          if (isObject(part) && typeof part.text === 'string') this.transcript.say(kind, part.text)
    }
  }

  #count(usage: JsonValue | undefined): void {
    if (isObject(usage)) this.usage = usageOf(usage.input_tokens ?? 0, usage.output_tokens ?? 0)
  }
}
