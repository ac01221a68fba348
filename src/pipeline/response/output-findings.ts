/** What the output guard has found in one answer: for the record, the metrics, the headers; and what is done about it. */
import { Refusal } from '../../core/refusal.ts'
import type { Severity } from '../../core/text.ts'
import type { Guard, Match } from '../../detect/stream/stream-detector.ts'
import type { TextKind } from '../../dialects/common/output-filter.ts'
import type { OutputGuard } from '../../policy/policy.ts'
import type { AnswerCut, JudgedFinding, OutputVerdict } from '../findings.ts'

const guard = 'output'
/** Of one answer; what there is more is cut all the same. */
const maxNoted = 256

/** The guards that read output. */
export type OutputPart = Guard | 'injection' | 'scripts' | 'theft' | 'schema'
/** What a policy wants done about what one of them finds. */
export type OutputAction = 'off' | 'flag' | 'redact' | 'block'

const severities: Readonly<Record<OutputPart, Severity>> = {
  secrets: 'high',
  canary: 'high',
  links: 'high',
  theft: 'high',
  injection: 'medium',
  pii: 'medium',
  scripts: 'medium',
  schema: 'medium',
  controls: 'low',
}
const heavier: Readonly<Record<OutputVerdict, number>> = { allow: 0, flag: 1, redact: 2, block: 3 }

/** Who hears of findings. */
export interface NotesListener {
  /** Counts one finding of this caller. */
  count(finding: Pick<JudgedFinding, 'guard' | 'category' | 'action'>): void
  /** The response would have been blocked, if the guard did not only observe. */
  wouldBlock(): void
}

/** Keeps what was found in one response. */
export class ResponseNotes {
  readonly findings: JudgedFinding[] = []
  readonly cuts: AnswerCut[] = []
  readonly actions: Readonly<Record<OutputPart, OutputAction>>
  readonly #inArguments: OutputAction | undefined
  verdict: OutputVerdict = 'allow'
  readonly #enforces: boolean
  readonly #listener: NotesListener
  readonly #seen = new Set<string>()
  #isOver = false

  constructor(
    { actions, mode, toolArguments }: Pick<OutputGuard, 'actions' | 'mode' | 'toolArguments'>,
    listener: NotesListener,
  ) {
    this.actions = actions
    this.#enforces = mode === 'enforce'
    this.#inArguments = toolArguments
    this.#listener = listener
  }

  /** From now on nothing ends the answer any more. */
  end(): void {
    this.#isOver = true
  }

  /** Whether what is found is not to leave. */
  isCut({ guard }: Match, kind: TextKind): boolean {
    const action = this.#actionOn(guard, kind)
    return action === 'redact' || action === 'block'
  }

  /**
   * @param at in bytes of the channel, as is `bytes`
   * @throws Refusal `output_blocked` where the policy says so
   */
  found(kind: TextKind, again: boolean, sought: Match, at: number, bytes: number): void {
    const id = `${sought.guard}.${sought.type}`
    if (again && this.#seen.has(`${id} ${kind}`)) return
    this.#seen.add(`${id} ${kind}`)
    const action = this.#actionOn(sought.guard, kind)
    this.#note(sought.guard, id, action, at, bytes)
    if (this.#enforces && action === 'redact' && this.cuts.length < maxNoted)
      this.cuts.push({ channel: kind, type: id, at, bytes })
  }

  /** A sign of something in a channel, told once. @throws Refusal `output_blocked` where the policy says so */
  sign(part: Exclude<OutputPart, Guard>, type: string): void {
    const id = `${part}.${type}`
    if (this.#seen.has(id)) return
    this.#seen.add(id)
    this.#note(part, id, this.actions[part], 0, 0)
  }

  /** Something was asked for in a form that could not be checked, told once: that is no pass and no reason to end. */
  unchecked(): void {
    const id = 'schema.unchecked'
    if (this.#seen.has(id)) return
    this.#seen.add(id)
    this.#note('schema', id, 'flag', 0, 0)
  }

  /** What a tool is given is what it works with: there a policy may want another thing. */
  #actionOn(part: OutputPart, kind: TextKind): OutputAction {
    const given = kind === 'arguments' || kind === 'input'
    const inArguments = given && (part === 'secrets' || part === 'pii') ? this.#inArguments : undefined
    return inArguments ?? this.actions[part]
  }

  #note(part: OutputPart, id: string, action: OutputAction, at: number, bytes: number): void {
    // On record stands what was done.
    const told = action === 'off' || !this.#enforces ? 'flag' : action
    if (heavier[told] > heavier[this.verdict]) this.verdict = told
    if (this.findings.length < maxNoted) {
      const place = { start: at, end: at + bytes }
      const severity = severities[part]
      this.findings.push({
        guard,
        id,
        category: part,
        severity,
        channel: 'assistant',
        action: told,
        ...place,
      })
      this.#listener.count({ guard, category: part, action: told })
    }
    if (action === 'block' && !this.#enforces) this.#listener.wouldBlock()
    if (told === 'block' && !this.#isOver) throw new Refusal('output_blocked', { detail: id })
  }
}
