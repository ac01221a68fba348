/** What an anomaly is: of which kind, of whom, and how it is told. */

/** The kinds of anomalies; also the labels of the metric, so the list is closed. */
export const anomalyKinds = [
  'request-rate',
  'token-rate',
  'prompt-length',
  'answer-length',
  'refusals',
  'model-refusals',
  'tool-share',
  'new-tool',
  'findings',
  'first-token',
  'language',
  'hour',
  'new-network',
  'answer-shape',
] as const

/** One of the kinds. */
export type AnomalyKind = (typeof anomalyKinds)[number]

/** Whom a baseline is kept of. */
export interface Subject {
  readonly kind: 'key' | 'model'
  readonly id: string
}

/** Something unusual, as operators see it. */
export interface Anomaly {
  readonly id: string
  readonly kind: AnomalyKind
  readonly subject: Subject
  /** When the first observation that shows it was made, in ms. */
  readonly sinceMs: number
  /** When it was noticed, or when it ended, in ms. */
  readonly atMs: number
  /** In words, e.g. "2 to 40 requests in ten minutes". */
  readonly usual: string
  /** In words, e.g. "900 requests in ten minutes". */
  readonly now: string
  /** How far beyond what the budget of false alarms allows: 1 at the threshold. */
  readonly score: number
  /** Ids of requests that show it, at most eight. */
  readonly records: readonly string[]
  readonly state: 'open' | 'over'
}

/** A subject that is not judged yet, with what is still missing. */
export interface Learning {
  readonly subject: Subject
  /** Hours and requests that were seen. */
  readonly hours: number
  readonly requests: number
  /** Hours and requests after which anomalies are told. */
  readonly untilHours: number
  readonly untilRequests: number
}
