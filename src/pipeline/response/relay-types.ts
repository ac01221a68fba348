/** What a relay needs, and what comes of it. */
import type { Refusal } from '../../core/refusal.ts'
import type { JudgeCall } from '../../dialects/common/call-verdict.ts'
import type { OutputFilter } from '../../dialects/common/output-filter.ts'
import type { Dialect, ResponseReader } from '../../dialects/dialect.ts'
import type { Ending } from '../ending.ts'
import type { ResponseGuard } from '../findings.ts'
import type { ResponseWriter } from '../ports.ts'

/** What a relay needs of a request and its connections. Times are milliseconds. */
export interface RelayOptions {
  readonly reader: ResponseReader
  /** Reads and cuts what the reader hands it. */
  readonly filter: OutputFilter
  /** Who judges tool calls before the client sees them, if anybody. */
  readonly judge: JudgeCall | undefined
  /** Told when nothing more will come, before the ending is put on record. */
  readonly guard: Pick<ResponseGuard, 'finish'> | undefined
  readonly dialect: Dialect
  /** Whether the response was asked for as a stream. */
  readonly isStream: boolean
  /** After how much silence a stream gets a sign of life, if its dialect has one; 0: never. */
  readonly keepAliveMs: number
  /** The request's, for errors that carry it. */
  readonly id: string
  readonly writer: ResponseWriter
  readonly sinceArrivalMs: () => number
  /** Told what the response takes of the gate's memory. @throws Refusal `overloaded` */
  hold(bytes: number): void
  /** Whether tool calls stay here until they were charged, with everything behind them. */
  readonly holdsCalls: boolean
  /** Told that a call waits for a human. */
  readonly waits?: () => void
  /** Told how long a human took to decide on a call, or until nothing waited for that any more. */
  readonly waited?: (ms: number) => void
  /** The model server has said everything, though a human may still have to be asked. */
  served(): void
}

/** How it went with one model server. */
export interface RelayOutcome {
  /** How the request ends; undefined: nothing was sent, so that the refusal is still to be told. */
  readonly ending: Exclude<Ending, { kind: 'refused' }> | undefined
  /** What went wrong, if anything did. */
  readonly refusal: Refusal | undefined
  /** Whether there are tool calls that must be charged before they leave. */
  readonly holdsCalls: boolean
  /** Whether the client has got anything: if not, the refusal is still to be told. */
  readonly isTold: boolean
  /** The HTTP status that the server answered, 0 if it did not. */
  readonly status: number
  readonly blame: Blame
}

/**
 * What a refusal is about, if it is the model server's fault. `connection`: it was not there, fell silent or broke off.
 * `failure`: it said itself that it failed. `form`: it said what the gate will not read, which a caller may have had the
 * model say.
 */
export type Blame = 'connection' | 'failure' | 'form'
