/** What is needed to watch an answer, and what comes of it. */
import type { Refusal } from '../../core/refusal.ts'
import type { JudgeCall } from '../../dialects/common/call-verdict.ts'
import type { OutputFilter } from '../../dialects/common/output-filter.ts'
import type { Dialect, ResponseReader } from '../../dialects/dialect.ts'
import type { Answer, Ending } from '../context.ts'
import type { ResponseHandler, ResponseWriter, UpstreamStream } from '../ports.ts'

export interface Watch {
  readonly receiver: ResponseHandler
  /** As far as it came. */
  readonly answer: Answer
  /** An estimate of the tokens that came. */
  readonly carried: number
  /** The status that the model server answered, 0 if it has not. */
  readonly answered: number
  /** The client is gone, or time is up. */
  interrupt(refusal: Refusal | undefined): void
  /** Set before the first byte arrives. */
  flow: UpstreamStream | undefined
}

/** How it went with one model server. */
export interface Outcome {
  /** What went wrong, if anything did. */
  readonly refusal: Refusal | undefined
  /** Whether bytes were sent: if not, the refusal is still to be told. */
  readonly told: boolean
  /** What the server answered, 0 if it did not. */
  readonly status: number
  /** What the refusal is about, if it is the model server's fault. */
  readonly blame: Blame
}

/**
 * `connection`: it was not there, fell silent or broke off. `failure`: it said itself that it failed. `form`: it said
 * what the gate will not read, which a caller may have had the model say.
 */
export type Blame = 'connection' | 'failure' | 'form'

export interface WatchOptions {
  readonly reader: ResponseReader
  /** Reads and cuts what the reader hands it. */
  readonly passage: OutputFilter
  /** Who judges tool calls before the client sees them, if anybody. */
  readonly judge: JudgeCall | undefined
  readonly dialect: Dialect
  /** Whether the answer was asked for as a stream. */
  readonly streams: boolean
  /** After how much silence a stream gets a sign of life, if its dialect has one; 0: never. */
  readonly keepAliveMs: number
  /** The request's, for errors that carry it. */
  readonly id: string
  readonly writer: ResponseWriter
  readonly sinceArrivalMs: () => number
  /** Told what the answer takes of the gate's memory. @throws Refusal `overloaded` */
  hold(bytes: number): void
  /** Whether tool calls stay here until they were judged, with everything behind them. */
  readonly holdsCalls: boolean
  /** What the client gets instead of an answer with these tool calls, if anything; asked before it ends. */
  conclude(answer: Answer): Promise<Refusal | undefined>
  /** A human has decided on a call, or nobody waits for that any more. */
  readonly waited?: (ms: number) => void
  /** The model server has said everything, though a human may still have to be asked. */
  served(): void
  /** Puts the ending on record; called once, before the last byte leaves. */
  settle(ending: Ending): Promise<void>
  /** Called once, when nothing more will happen. */
  done(outcome: Outcome): void
}
