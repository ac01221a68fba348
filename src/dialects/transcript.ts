/**
 * What an answer said, gathered from its frames for the record. Bounded: the record keeps the head of a very
 * long answer, and says that it did.
 */
import { tryJson } from '../core/json.ts'
import type { ToolCall } from './dialect.ts'

/** UTF-16 code units kept of one answer. */
const maxText = 1024 * 1024
const maxToolCalls = 256

export class Transcript {
  #text = ''
  #truncated = false
  #kind: 'thinking' | 'content' | undefined
  readonly #calls: { name: string; arguments: string }[] = []
  readonly #byKey = new Map<string, { name: string; arguments: string }>()

  say(kind: 'thinking' | 'content', text: string): void {
    if (text === '') return
    if (this.#text.length >= maxText) {
      this.#truncated = true
      return
    }
    // What is said after the thinking is no part of its last word.
    this.#text += this.#kind !== undefined && this.#kind !== kind ? `\n${text}` : text
    this.#kind = kind
  }

  /** A whole call, or the next piece of the one with this key: OpenAI streams names and arguments in pieces. */
  call(key: string, name: string, argumentsPiece: string): void {
    const begun = this.#byKey.get(key)
    if (begun) {
      if (begun.name.length < 256) begun.name += name
      if (begun.arguments.length < maxText) begun.arguments += argumentsPiece
      else this.#truncated = true
    } else if (this.#calls.length >= maxToolCalls) this.#truncated = true
    else {
      const call = { name, arguments: argumentsPiece }
      this.#calls.push(call)
      this.#byKey.set(key, call)
    }
  }

  get truncated(): boolean {
    return this.#truncated
  }

  /** Whether a tool call is complete: many clients leave as soon as they have one. */
  get called(): boolean {
    return this.#calls.some((call) => tryJson(call.arguments) !== undefined)
  }

  get text(): string {
    return this.#text
  }

  get toolCalls(): readonly ToolCall[] {
    return this.#calls
  }
}
