/** Values of two versions of a model, prompt by prompt: answers to different prompts are never compared with each other. */

/** The values of one prompt. */
export interface Stratum<T> {
  readonly before: readonly T[]
  readonly after: readonly T[]
}

/** A test's result. */
export interface Tested {
  /** Probability of a difference as large as this if there is none. */
  readonly p: number
  /** How large the difference is, in the unit of the test. */
  readonly effect: number
}
