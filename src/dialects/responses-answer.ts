/**
 * Answers of the Responses API: named server-sent events, or one object. `response.completed` (or `.incomplete`)
 * is the end mark; Ollama just stops when its model dies, LocalAI says `error` or `response.failed`.
 *
 * Peculiar to it: it says everything again when a part, an item and the answer are done, so that every text is judged
 * as often as it comes; and its events are numbered, so that what is put in or left out numbers the rest anew.
 */
import { isObject, type JsonObject, type JsonValue } from '../core/json.ts'
import { isFinal } from '../core/refusal.ts'
import { type Usage, usageOf } from '../core/usage.ts'
import { asAsked } from './as-asked.ts'
import type { AnswerReader, ModelNames, PublicError, ToolCall } from './dialect.ts'
import type { Frame } from './framing/framing.ts'
import { keepLogprobs } from './logprobs.ts'
import {
  Edits,
  Exits,
  framesOf,
  type Kind,
  type Passage,
  type Passed,
  type SettledVerdict,
} from './passage.ts'
import { callOf, isCall, ResponsesCalls } from './responses-calls.ts'
import { Transcript } from './transcript.ts'

const ends = new Set(['response.completed', 'response.incomplete'])
const failures = new Set(['response.failed', 'error'])

/** Members of items, parts and events that are the model's words, at whatever depth. */
const texts: Readonly<Record<string, Kind>> = {
  text: 'content',
  refusal: 'content',
  input: 'content',
  code: 'content',
  output: 'content',
  title: 'content',
  url: 'content',
  encrypted_content: 'thinking',
  name: 'name',
  arguments: 'arguments',
}
const deepest = 8

export class ResponsesAnswer implements AnswerReader {
  state: AnswerReader['state'] = 'open'
  usage: Usage | undefined
  waiting: readonly ToolCall[] = []
  readonly transcript = new Transcript()
  readonly #names: ModelNames
  readonly #stream: boolean
  readonly #exits = new Exits()
  readonly #edits = new Edits()
  readonly #calls = new ResponsesCalls()
  keptAs: string | undefined
  /** The number of the next event that leaves. */
  #number: number | undefined
  #parked: { readonly frame: Frame; readonly body: JsonObject } | undefined

  constructor(names: ModelNames, stream: boolean) {
    this.#names = names
    this.#stream = stream
  }

  frame(frame: Frame, passage: Passage): Passed {
    const body = JSON.parse(frame.data) as JsonValue
    if (!isObject(body)) return this.#failed()
    if (passage.judgesCalls) {
      if (this.#stream && this.#calls.take(body)) return undefined
      const waiting = this.#calls.complete(body)
      if (waiting.length > 0) {
        this.waiting = waiting
        this.#parked = { frame, body }
        return undefined
      }
    }
    return this.#pass(frame, body, passage)
  }

  resume(verdicts: readonly SettledVerdict[], passage: Passage): Passed {
    this.waiting = []
    const parked = this.#parked
    this.#parked = undefined
    if (!parked) return undefined
    const { frame, body } = parked
    const events = this.#calls.settle(verdicts)
    const before = events.flatMap((event) => this.#event(frameOf(event), event, passage) ?? [])
    // The end of an item that was kept is among what was kept.
    if (this.#stream && body.type === 'response.output_item.done') return before
    return [...before, ...framesOf(this.#pass(frame, body, passage))]
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
    return frameOf({ type: 'response.failed', sequence_number: this.#number ?? 0, response })
  }

  #failed(): undefined {
    this.state = 'failed'
  }

  #pass(frame: Frame, body: JsonObject, passage: Passage): Passed {
    return this.#stream ? this.#event(frame, body, passage) : this.#whole(frame, body, passage)
  }

  #whole(frame: Frame, response: JsonObject, passage: Passage): Frame | undefined {
    if (isObject(response.error) || response.status === 'failed' || !Array.isArray(response.output))
      return this.#failed()
    this.#keep(response.id)
    const changed = this.#calls.replaceIn(response.output)
    for (const item of response.output) {
      this.#gather(item, true)
      judgeAll(item, passage, false, this.#edits)
    }
    this.#count(response.usage)
    this.state = 'ended'
    const named = asAsked(response, this.#names)
    return this.#edits.seal(frame, () => named, changed || named !== response)
  }

  #event(frame: Frame, event: JsonObject, passage: Passage): readonly Frame[] | undefined {
    const type = String(event.type)
    const response = isObject(event.response) ? event.response : undefined
    if (failures.has(type) || isObject(response?.error)) return this.#failed()
    this.#keep(response?.id)
    const channel = channelOf(event, type)
    let changed = false
    let before: Frame[] = []
    if (typeof event.delta === 'string') this.#delta(event, type, channel, passage)
    else if (type.endsWith('.done'))
      before = this.#exits.close(passage, type === 'response.output_item.done' ? itemOf(event) : channel)
    else if (ends.has(type)) before = this.#exits.close(passage)
    const again = type.endsWith('.done') || ends.has(type)
    if (type === 'response.output_item.done') this.#gather(event.item, false)
    for (const part of [event.item, event.part, event.annotation]) judgeAll(part, passage, again, this.#edits)
    if (again) judgeMembers(event, passage, this.#edits)
    if (response && ends.has(type)) {
      if (Array.isArray(response.output)) {
        changed = this.#calls.replaceIn(response.output) || changed
        for (const item of response.output) judgeAll(item, passage, true, this.#edits)
      }
      this.#count(response.usage)
      this.state = 'ended'
    }
    if (response) {
      const named = asAsked(response, this.#names)
      changed ||= named !== response
      event.response = named
    }
    const last = this.#numbered(event, frame, changed)
    return before.length > 0 ? [...before, last] : [last]
  }

  #delta(event: JsonObject, type: string, channel: string, passage: Passage): void {
    const delta = String(event.delta)
    const kind: Kind = type.includes('arguments')
      ? 'arguments'
      : type.startsWith('response.reasoning')
        ? 'thinking'
        : 'content'
    if (kind !== 'arguments') this.transcript.say(kind, delta)
    if (!this.#exits.has(channel)) {
      const { logprobs: _, ...shape } = event
      // It has the number of the event before: the numbers of those behind it do not depend on what was held.
      this.#exits.open(channel, (rest) =>
        frameOf({ ...shape, sequence_number: (this.#number ?? 1) - 1, delta: rest }),
      )
    }
    this.#edits.put(event, 'delta', delta, passage.next(channel, kind, delta))
    keepLogprobs(event, 'logprobs', delta, this.#edits.any, this.#edits)
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
    if (typeof id === 'string' && /^[\w-]{1,128}$/.test(id)) this.keptAs = id
  }

  /** `said`: also what a stream has already told in pieces. */
  #gather(item: JsonValue | undefined, said: boolean): void {
    if (!isObject(item)) return
    if (isCall(item)) {
      const { name, arguments: args } = callOf(item)
      this.transcript.call(String(item.call_id), name, args)
    }
    if (!said) return
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

/** Judges an answer that the server has kept, in place. */
export function judgeKept({ output }: JsonObject, passage: Passage): void {
  judgeAll(output, passage, false, new Edits())
}

function itemOf({ item_id, item, output_index }: JsonObject): string {
  return `${item_id ?? (isObject(item) ? item.id : undefined) ?? output_index}/`
}

function channelOf(event: JsonObject, type: string): string {
  const part = event.content_index ?? event.summary_index ?? 0
  return `${itemOf(event)}${part}/${type.replace(/\.(?:delta|done)$/, '')}`
}

/** @param again whether it was said before */
function judgeAll(
  value: JsonValue | undefined,
  passage: Passage,
  again: boolean,
  edits: Edits,
  depth = 0,
): void {
  if (typeof value !== 'object' || value === null || depth > deepest) return
  if (Array.isArray(value)) {
    for (const each of value) judgeAll(each, passage, again, edits, depth + 1)
    return
  }
  const thinks = /^(?:reasoning|summary_text|reasoning_text)$/.test(String(value.type))
  let changed = false
  for (const [key, member] of Object.entries(value)) {
    if (typeof member !== 'string') {
      if (key !== 'logprobs') judgeAll(member, passage, again, edits, depth + 1)
      continue
    }
    const kind = texts[key]
    if (kind === undefined || member === '') continue
    const judged = passage.whole(kind === 'content' && thinks ? 'thinking' : kind, member, again)
    changed ||= judged !== member
    edits.put(value, key, member, judged)
  }
  keepLogprobs(value, 'logprobs', typeof value.text === 'string' ? value.text : '', changed, edits)
}

/** What an event that ends a part says again. */
function judgeMembers(event: JsonObject, passage: Passage, edits: Edits): void {
  const said = typeof event.text === 'string' ? event.text : ''
  for (const key of ['text', 'refusal', 'arguments', 'input', 'code']) {
    const text = event[key]
    if (typeof text !== 'string' || text === '') continue
    edits.put(event, key, text, passage.whole(texts[key] ?? 'content', text, true))
  }
  keepLogprobs(event, 'logprobs', said, said !== (event.text ?? ''), edits)
}

function frameOf(event: JsonObject): Frame {
  return { event: String(event.type), data: JSON.stringify(event) }
}
