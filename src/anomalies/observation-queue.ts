/** Observations that wait to be looked at: what a request hands over costs it nothing more than a place in a list. */
import type { Observation } from './observation.ts'

/** What was taken from a queue. */
export interface ObservationBatch {
  readonly observations: readonly Observation[]
  /** How many did not fit since the last batch. */
  readonly dropped: number
}

/** A queue with an end: what does not fit is counted and lost. */
export class ObservationQueue {
  readonly #max: number
  #waiting: Observation[] = []
  #dropped = 0

  /** @param max observations that may wait */
  constructor(max: number) {
    this.#max = max
  }

  /** Adds an observation, or counts it as dropped. */
  put(observation: Observation): void {
    if (this.#waiting.length >= this.#max) this.#dropped++
    else this.#waiting.push(observation)
  }

  /** Adds a batch of another queue. */
  putAll({ observations, dropped }: ObservationBatch): void {
    for (const observation of observations) this.put(observation)
    this.#dropped += dropped
  }

  /** Empties the queue. */
  take(): ObservationBatch {
    const batch = { observations: this.#waiting, dropped: this.#dropped }
    this.#waiting = []
    this.#dropped = 0
    return batch
  }
}
