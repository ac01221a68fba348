/**
 * Gathers the text and the tool calls of a response for the audit record, channel by channel: where several channels are
 * written in turns, a secret in one of them would otherwise be torn apart. Bounded; a longer response is marked truncated.
 */
import { tryJson } from '../../core/json.ts'
import type { ToolCall } from '../dialect.ts'

/** UTF-16 code units kept of one response. */
const maxText = 1024 * 1024
const maxToolCalls = 256
const maxChannels = 256

/** The transcript of one response. */
export class Transcript {
  readonly #texts = new Map<string, string>()
  #length = 0
  #called = 0
  #truncated = false
  readonly #calls: { name: string; arguments: string }[] = []
  readonly #byKey = new Map<string, { name: string; arguments: string }>()

  addText(channel: string, text: string): void {
    if (text === '') return
    if (this.#length >= maxText) {
      this.#truncated = true
      return
    }
    this.#length += text.length
    const said = this.#texts.get(channel)
    if (said === undefined && this.#texts.size >= maxChannels) this.#truncated = true
    else this.#texts.set(channel, (said ?? '') + text)
  }

  /** Adds a whole call, or the next piece of the call with this key: OpenAI streams names and arguments in pieces. */
  addCall(key: string, name: string, argumentsPiece: string): void {
    const begun = this.#byKey.get(key)
    if (begun) {
      if (begun.name.length < 256) begun.name += name
      if (begun.arguments.length < maxText) {
        begun.arguments += argumentsPiece
        this.#called += argumentsPiece.length
      } else this.#truncated = true
    } else if (this.#calls.length >= maxToolCalls) this.#truncated = true
    else {
      const call = { name, arguments: argumentsPiece }
      this.#calls.push(call)
      this.#called += argumentsPiece.length
      this.#byKey.set(key, call)
    }
  }

  /** UTF-16 code units of what is kept. */
  get size(): number {
    return this.#length + this.#called
  }

  get truncated(): boolean {
    return this.#truncated
  }

  /** Whether there is a complete tool call: many clients close the connection as soon as they have one. */
  get called(): boolean {
    return this.#calls.some((call) => tryJson(call.arguments) !== undefined)
  }

  /** Puts a note of the gateway on a line of its own. */
  asOwnLine(note: string): string {
    return this.#length === 0 ? note : `\n${note}`
  }

  get text(): string {
    return [...this.#texts.values()].join('\n')
  }

  /** Returns the texts of the channels that answer, one each; undefined if an answer may stand where nothing reads it as one. */
  answersIn(isAnswer: (channel: string) => boolean): readonly string[] | undefined {
    const answers = [...this.#texts].flatMap(([channel, text]) => (isAnswer(channel) ? [text] : []))
    const isElsewhere = [...this.#texts.keys()].some((channel) => /(?:^|\W)(?:other|refusal)$/.test(channel))
    return answers.length === 0 && isElsewhere ? undefined : answers
  }

  get toolCalls(): readonly ToolCall[] {
    return this.#calls
  }
}
