/** What the three sorts of charts have in common: a window of ten minutes is open, and judged when it closes or earlier. */
import type { SavedValues } from './seen-values.ts'

/** When and how windows are judged; the same for all charts of a subject. */
export interface Closing {
  readonly nowMs: number
  /** False while an anomaly of these kinds is open: what is unusual must not become usual by itself. */
  readonly learns: boolean
}

/** How unusual a chart finds what it sees. */
export interface Verdict {
  /** 1 at the limit. */
  readonly score: number
  readonly sinceMs: number
  readonly usual: string
  readonly now: string
}

/** A chart as JSON: numbers of its own, and the usual values of its statistic. */
export interface SavedChart {
  readonly numbers: readonly number[]
  readonly values: SavedValues
}

/** A statistic of one subject, and its usual values. Adding is commutative within a window. */
export interface Chart {
  /** The mean logarithm of what is charted, of charts that have one and know it. */
  readonly level?: number | undefined
  /** Adds what an observation contributes to the open window. */
  add(value: number): void
  /** Judges what was seen, the open window included. @param rate false alarms that are allowed, a window */
  judge(rate: number): Verdict | undefined
  /** Compares the usual level with the frozen reference, and renews the reference if it tells a difference. */
  drift(nowMs: number): Verdict | undefined
  /** Ends the open window. */
  close(closing: Closing): void
  /** Begins to accumulate evidence anew, after an anomaly was told. */
  settle(): void
  /** Takes what is seen now as usual. */
  adopt(nowMs: number): void
  save(): SavedChart
}

/** Numbers are told with two significant digits at most. */
export function shown(value: number): string {
  if (value < 10) return String(Math.round(value * 10) / 10)
  const unit = 10 ** (Math.floor(Math.log10(value)) - 1)
  return (Math.round(value / unit) * unit).toLocaleString('en-US')
}

/** A share in percent, with what is needed to tell small ones apart. */
export function shownShare(share: number): string {
  const percent = share * 100
  return `${percent < 1 ? percent.toFixed(2) : percent < 10 ? percent.toFixed(1) : percent.toFixed(0)} %`
}
