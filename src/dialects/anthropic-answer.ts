/**
 * Answers of the Messages API: named server-sent events, or one object. `message_stop` is the end mark; Ollama
 * just stops when its model dies, LocalAI sends `error`. The counts of `message_start` are an estimate, those of
 * `message_delta` are real.
 */
import { isObject, type JsonObject, type JsonValue } from '../core/json.ts'
import { type Usage, usageOf } from '../core/usage.ts'
import { AnthropicCalls, callOf } from './anthropic-calls.ts'
import { anthropicError } from './anthropic-error.ts'
import { asAsked } from './as-asked.ts'
import type { AnswerReader, ModelNames, PublicError, ToolCall } from './dialect.ts'
import type { Frame } from './framing/framing.ts'
import {
  Edits,
  Exits,
  framesOf,
  type Kind,
  type Passage,
  type Passed,
  type SettledVerdict,
} from './passage.ts'
import { Transcript } from './transcript.ts'

/** The strings of blocks and deltas that are the model's words; signatures and ids are not. */
const texts: readonly (readonly [field: string, kind: Kind])[] = [
  ['text', 'content'],
  ['thinking', 'thinking'],
  ['partial_json', 'arguments'],
]

export class AnthropicAnswer implements AnswerReader {
  state: AnswerReader['state'] = 'open'
  usage: Usage | undefined
  waiting: readonly ToolCall[] = []
  readonly transcript = new Transcript()
  readonly #names: ModelNames
  readonly #stream: boolean
  readonly #exits = new Exits()
  readonly #edits = new Edits()
  readonly #calls = new AnthropicCalls()
  #parked: { readonly frame: Frame; readonly body: JsonObject } | undefined

  constructor(names: ModelNames, stream: boolean) {
    this.#names = names
    this.#stream = stream
  }

  frame(frame: Frame, passage: Passage): Passed {
    const body = JSON.parse(frame.data) as JsonValue
    if (!isObject(body) || body.type === 'error' || body.error !== undefined) {
      this.state = 'failed'
      return undefined
    }
    if (passage.judgesCalls) {
      if (this.#stream && this.#calls.take(body)) return undefined
      const waiting = this.#stream ? this.#calls.complete(body) : blocksOf(body).filter(isCall).map(callOf)
      if (waiting.length > 0) {
        this.waiting = waiting
        this.#parked = { frame, body }
        return undefined
      }
    }
    return this.#stream ? this.#event(frame, body, passage) : this.#whole(frame, body, passage, false)
  }

  resume(verdicts: readonly SettledVerdict[], passage: Passage): Passed {
    this.waiting = []
    const parked = this.#parked
    this.#parked = undefined
    if (!parked) return undefined
    const { frame, body } = parked
    if (this.#stream) {
      const events = this.#calls.settle(verdicts)
      const before = events.flatMap((event) => framesOf(this.#event(frameOf(event), event, passage)))
      // The end of a block that was kept is among what was kept.
      return body.type === 'content_block_stop'
        ? before
        : [...before, ...framesOf(this.#event(frame, body, passage))]
    }
    let index = 0
    body.content = blocksOf(body).map((block) => {
      const verdict = isCall(block) ? verdicts[index++] : undefined
      return verdict?.kind === 'strip' ? { type: 'text', text: verdict.note } : block
    })
    if (body.stop_reason === 'tool_use' && !blocksOf(body).some(isCall)) body.stop_reason = 'end_turn'
    return this.#whole(frame, body, passage, true)
  }

  farewell(error: PublicError): Frame {
    return { event: 'error', data: JSON.stringify(anthropicError(error)) }
  }

  #whole(frame: Frame, message: JsonObject, passage: Passage, isChanged: boolean): Passed {
    this.#blocks(message, passage)
    this.#count(message.usage)
    this.state = 'ended'
    const named = asAsked(message, this.#names)
    return this.#edits.seal(frame, () => named, isChanged || named !== message)
  }

  #blocks(message: JsonObject, passage: Passage): void {
    for (const [index, block] of blocksOf(message).entries()) this.#block(`${index}`, block, passage, false)
  }

  #event(frame: Frame, event: JsonObject, passage: Passage): Passed {
    let changed = false
    let before: Frame[] = []
    const key = `${event.index}/`
    switch (event.type) {
      case 'message_start':
        if (isObject(event.message)) {
          this.#blocks(event.message, passage)
          const named = asAsked(event.message, this.#names)
          changed = named !== event.message
          event.message = named
        }
        break
      case 'content_block_start':
        if (isObject(event.content_block)) this.#block(`${event.index}`, event.content_block, passage, true)
        break
      case 'content_block_delta':
        if (isObject(event.delta)) this.#delta(event, event.delta, passage)
        break
      case 'content_block_stop':
        before = this.#exits.close(passage, key)
        break
      case 'message_delta':
        before = this.#exits.close(passage)
        this.#count(event.usage)
        this.state = 'finished'
        if (isObject(event.delta) && event.delta.stop_reason === 'tool_use' && this.#calls.allStripped) {
          event.delta.stop_reason = 'end_turn'
          changed = true
        }
        break
      case 'message_stop':
        before = this.#exits.close(passage)
        this.state = 'ended'
    }
    const last = this.#edits.seal(frame, () => event, changed)
    return before.length > 0 ? [...before, last] : last
  }

  /** @param begun more of it follows in pieces */
  #block(key: string, block: JsonObject, passage: Passage, begun: boolean): void {
    for (const [field, kind] of texts) {
      const text = block[field]
      if (typeof text !== 'string' || text === '') continue
      if (kind !== 'arguments' && kind !== 'name') this.transcript.say(kind, text)
      this.#edits.put(block, field, text, passage.whole(kind, text))
    }
    if (!isCall(block)) return
    const { name, arguments: args } = callOf(block)
    // In a stream the input follows in pieces, and `{}` stands for it here.
    this.transcript.call(key, name, begun ? '' : args)
    this.#edits.put(block, 'name', name, passage.whole('name', name))
    const judged = passage.whole('arguments', args)
    if (judged !== args) this.#edits.put(block, 'input', block.input ?? {}, JSON.parse(judged) as JsonValue)
  }

  #delta(event: JsonObject, delta: JsonObject, passage: Passage): void {
    for (const [field, kind] of texts) {
      const text = delta[field]
      if (typeof text !== 'string' || text === '') continue
      if (kind === 'arguments') this.transcript.call(String(event.index), '', text)
      else this.transcript.say(kind === 'thinking' ? kind : 'content', text)
      const channel = `${event.index}/${field}`
      if (!this.#exits.has(channel)) {
        const { index } = event
        const { type } = delta
        this.#exits.open(channel, (rest) =>
          frameOf({
            type: 'content_block_delta',
            index: index ?? 0,
            delta: { type: type ?? 'text_delta', [field]: rest },
          }),
        )
      }
      this.#edits.put(delta, field, text, passage.next(channel, kind, text))
    }
    // A passage that is quoted, whole.
    if (isObject(delta.citation) && typeof delta.citation.cited_text === 'string') {
      const text = delta.citation.cited_text
      this.#edits.put(delta.citation, 'cited_text', text, passage.whole('content', text))
    }
  }

  #count(usage: JsonValue | undefined): void {
    if (!isObject(usage)) return
    // In a stream the beginning tells what was read, and the end may tell only what was written.
    const input = usage.input_tokens ?? this.usage?.input ?? 0
    this.usage = usageOf(input, usage.output_tokens ?? this.usage?.output ?? 0) ?? this.usage
  }
}

function frameOf(event: JsonObject): Frame {
  return { event: String(event.type), data: JSON.stringify(event) }
}

function blocksOf({ content }: JsonObject): JsonObject[] {
  return Array.isArray(content) ? content.filter(isObject) : []
}

function isCall(block: JsonObject): boolean {
  return block.type === 'tool_use' || block.type === 'server_tool_use'
}
