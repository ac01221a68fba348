/**
 * Whether an answer has the form that it was asked for in: JSON, a JSON Schema, the parameters of the tools that it calls.
 * It is what the model wrote that is checked, once, when all of it is there.
 */
import type { JsonObject, JsonValue } from '../../core/json.ts'
import type { Prompt, ResponseReader } from '../../dialects/dialect.ts'
import { type CheckText, compileUntrusted } from '../../tool-policy/bounded-schema.ts'
import type { ResponseNotes } from './output-findings.ts'

/** What an answer was asked for as, and where it is read. */
export interface AskedForm {
  readonly prompt: Pick<Prompt, 'answerSchema' | 'definitions' | 'tools'>
  readonly reader: Pick<ResponseReader, 'answers' | 'isCutShort' | 'transcript'>
}

/** What is told of what was found. */
type Notes = Pick<ResponseNotes, 'sign' | 'unchecked'>

/** How findings are named. */
type Names = Readonly<Record<'empty' | 'no-json' | 'mismatch', string>>
const inAnswers: Names = { empty: 'empty', 'no-json': 'no-json', mismatch: 'mismatch' }
const inArguments: Names = { empty: 'arguments', 'no-json': 'arguments', mismatch: 'arguments' }

/** Checks one response. */
export class FormCheck {
  readonly #asked: AskedForm
  readonly #notes: Notes
  readonly #spend: (units: number) => void

  constructor(asked: AskedForm, notes: Notes, spend: (units: number) => void) {
    this.#asked = asked
    this.#notes = notes
    this.#spend = spend
  }

  /**
   * The answer is over.
   * @param isWhole whether all of it came
   * @throws Refusal `output_blocked` where the policy says so
   */
  finish(isWhole: boolean): void {
    const { prompt, reader } = this.#asked
    const { toolCalls, truncated } = reader.transcript
    if (prompt.answerSchema === undefined && toolCalls.length === 0) return
    if (!isWhole || truncated) {
      this.#notes.unchecked()
      return
    }
    if (prompt.answerSchema !== undefined) this.#checkAnswers(prompt.answerSchema)
    for (const name of new Set(toolCalls.map((call) => call.name))) this.#checkCalls(name)
  }

  #checkAnswers(schema: JsonObject | true): void {
    const { transcript, answers } = this.#asked.reader
    // A call may come in place of an answer.
    if (transcript.toolCalls.length > 0 && !answers?.length) return
    if (!answers) this.#notes.unchecked()
    else if (answers.length === 0) this.#sign('empty')
    else {
      const check = compileUntrusted(schema, this.#spend)
      for (const answer of answers) this.#judge(check, answer, inAnswers)
    }
  }

  #checkCalls(name: string): void {
    const { definitions, tools } = this.#asked.prompt
    const offered = definitions.filter((each) => each.name === name)
    const [parameters] = offered.map(parametersOf)
    // Of two tools with one name, nobody knows which is called.
    if (offered.length > 1 || (offered.length === 0 && !tools.includes(name))) this.#notes.unchecked()
    else if (parameters !== undefined) {
      const check = compileUntrusted(parameters, this.#spend)
      // Models that call a tool without arguments write nothing at all.
      for (const call of this.#asked.reader.transcript.toolCalls)
        if (call.name === name) this.#judge(check, call.arguments.trim() || '{}', inArguments)
    }
  }

  #judge(check: CheckText, text: string, names: Names): void {
    const verdict = text.trim() === '' ? 'empty' : check(text, this.#spend)
    if (verdict === 'unchecked') this.#notes.unchecked()
    else if (verdict !== 'fits') this.#sign(names[verdict])
  }

  /** What ran out of tokens is not whole, whatever else is wrong with it. */
  #sign(type: string): void {
    this.#notes.sign('schema', this.#asked.reader.isCutShort ? 'cut-short' : type)
  }
}

/** Anthropic's API has another name for them. */
function parametersOf({ parameters, input_schema: schema }: JsonObject): JsonValue | undefined {
  return parameters ?? schema ?? undefined
}
