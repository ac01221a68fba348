/** Time as an argument, so that tests can hold it still. */
export interface Clock {
  /** Milliseconds since the epoch; may jump. */
  wallMs(): number
  /** Milliseconds from an arbitrary start; never goes back. For durations. */
  monotonicMs(): number
}

/** The clock of this machine. */
export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
}
