/**
 * Where limits are counted: one interface, in memory for one gateway or in Redis for many. Both count in the
 * same way (`window.ts`, `lua/`), so that a policy means the same with either.
 */

export const minuteMs = 60_000
export const dayMs = 86_400_000

/** Steps a window is cut into. One more than these is counted, so that no boundary can be cheated. */
export const stepsPerWindow = 60

export interface Admission {
  readonly admitted: boolean
  /** What is left of the limit now. */
  readonly remaining: number
  /** Until the whole limit is free again. */
  readonly resetMs: number
  /** Until one more would be admitted, if nobody else comes; 0 when admitted. */
  readonly retryMs: number
}

/** What one request may cost at most. An absent limit is not counted. */
export interface Claim {
  /** Who pays: a key's id. */
  readonly subject: string
  /** Unique per request; names the reservation. */
  readonly lease: string
  readonly tokens: number
  readonly tokensPerMinute: number | undefined
  readonly tokensPerDay: number | undefined
  readonly concurrent: number | undefined
  /** After which the reservation gives itself back, should its gateway die. */
  readonly leaseMs: number
}

export interface Reservation {
  readonly outcome: 'granted' | 'tokens' | 'concurrent'
  /** Of the tightest token limit; Infinity without one. */
  readonly remaining: number
  readonly limit: number
  readonly resetMs: number
  readonly retryMs: number
}

export interface Store {
  /** Counts one use of `kind` by `subject` if there is room in the last minute. */
  admit(subject: string, kind: 'requests' | 'probes', limit: number, budget: Budget): Promise<Admission>
  /** Sets tokens and a slot aside until `settle`. */
  reserve(claim: Claim, budget: Budget): Promise<Reservation>
  /** Gives the slot back and counts what was really spent in the reservation's place. */
  settle(claim: Claim, spent: number): Promise<void>
  /** Asks whether the counts can be reached right now, within the time one request may spend on them. */
  check(): Promise<boolean>
  close(): Promise<void>
}

/** Time that all calls of one request to the store share. */
export interface Budget {
  leftMs: number
}
