/**
 * Ollama's native answers: NDJSON lines, or one object. `done: true` is the end mark; a line with `error` is a
 * failure under status 200, and so is LocalAI's `done_reason: "error"`. The token `context` of `/api/generate`
 * never leaves: it is the prompt and the answer in a form no guard reads.
 */
import { isObject, type JsonObject, type JsonValue, pick } from '../core/json.ts'
import { type Usage, usageOf } from '../core/usage.ts'
import { asAsked } from './as-asked.ts'
import type { AnswerReader, ModelNames } from './dialect.ts'
import type { Frame } from './framing/framing.ts'
import { Transcript } from './transcript.ts'

export class OllamaAnswer implements AnswerReader {
  state: AnswerReader['state'] = 'open'
  usage: Usage | undefined
  readonly #names: ModelNames
  readonly #shown: readonly string[] | undefined
  readonly transcript = new Transcript()
  #calls = 0

  /** `shown`: the only fields that leave, for answers that are no generation. */
  constructor(names: ModelNames, shown?: readonly string[]) {
    this.#names = names
    this.#shown = shown
  }

  frame(frame: Frame): Frame | undefined {
    const line = JSON.parse(frame.data) as JsonValue
    if (!isObject(line) || line.error !== undefined || line.done_reason === 'error') {
      this.state = 'failed'
      return undefined
    }
    if (this.#shown) {
      this.state = 'ended'
      return { data: JSON.stringify(pick(withoutParent(line), this.#shown)) }
    }
    this.#gather(line)
    // Embeddings have no `done`; a line that never says it is an answer of its own only if it is no generation.
    if (line.done === true || line.embeddings !== undefined || line.embedding !== undefined)
      this.state = 'ended'
    const named = asAsked(line, this.#names)
    if (named === line && line.context === undefined) return frame
    const { context: _, ...rest } = named
    return { data: JSON.stringify(rest) }
  }

  #gather(line: JsonObject): void {
    if (typeof line.response === 'string') this.transcript.say('content', line.response)
    if (typeof line.thinking === 'string') this.transcript.say('thinking', line.thinking)
    const message = line.message
    if (isObject(message)) {
      if (typeof message.thinking === 'string') this.transcript.say('thinking', message.thinking)
      if (typeof message.content === 'string') this.transcript.say('content', message.content)
      if (Array.isArray(message.tool_calls)) for (const call of message.tool_calls) this.#call(call)
    }
    if (line.prompt_eval_count !== undefined || line.eval_count !== undefined)
      this.usage = usageOf(line.prompt_eval_count ?? 0, line.eval_count ?? 0)
  }

  #call(call: JsonValue): void {
    const called = isObject(call) ? call.function : undefined
    if (!isObject(called)) return
    this.transcript.call(`${this.#calls++}`, String(called.name), JSON.stringify(called.arguments ?? {}))
  }
}

/** What a model was made from is a path, or a name that this caller may not know. */
function withoutParent(line: JsonObject): JsonObject {
  if (!isObject(line.details)) return line
  const { parent_model: _, ...details } = line.details
  return { ...line, details }
}
