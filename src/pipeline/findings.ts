/** What guards have found in a request and in its response, and what stands between a response and the client. */
import type { Action, Channel, Finding } from '../core/text.ts'
import type { OutputFilter, TextKind } from '../dialects/common/output-filter.ts'
import type { ToolCall } from '../dialects/dialect.ts'

/** A guard, and what it said; `unread`: nothing read what this names. */
export type GuardVerdict = readonly [guard: string, verdict: Action | 'unread']

/** What was said of the tool calls of its answer, as they came. */
export interface JudgedCalls {
  readonly findings: JudgedFinding[]
  /** Those that the client did not get. */
  readonly stopped: ToolCall[]
  /** What became of questions to humans, by the approval's id. */
  readonly approvals: Map<string, 'asked' | 'used' | 'denied'>
}

/** A finding of a guard, and what was done about it. */
export interface JudgedFinding extends Finding {
  readonly guard: string
  readonly channel: Channel
  readonly action: Action | 'redact'
  /** Keyed digest of the passage that it stands in, where it matters. */
  readonly passage?: string | undefined
  /** The tool whose text it stands in. */
  readonly tool?: string | undefined
  /** Id of the exception by which it counts for nothing. */
  readonly exception?: string | undefined
  /** The text in which `start` and `end` count; only a record may show of it what surrounds them, masked. */
  readonly text?: string
}

/** What the output guard has done, the heaviest of it. */
export type OutputVerdict = 'allow' | 'flag' | 'redact' | 'block'

/** What was taken out of an answer, and where: bytes of the channel as the model wrote it. */
export interface AnswerCut {
  readonly channel: TextKind
  readonly type: string
  readonly at: number
  readonly bytes: number
}

/** What stands between the texts of one answer and the client. */
export interface ResponseGuard {
  readonly filter: OutputFilter
  readonly findings: readonly JudgedFinding[]
  readonly cuts: readonly AnswerCut[]
  /** What was put into the request. */
  readonly planted: readonly string[]
  /** So far; undefined: there was no text to read. */
  readonly verdict: OutputVerdict | 'unread' | undefined
  /**
   * The answer is over: reads what was still to be read.
   * @param isWhole whether its end mark was seen: then it must have the form that it was asked for in
   * @throws Refusal `output_blocked`, `internal`
   */
  finish(isWhole?: boolean): void
}
