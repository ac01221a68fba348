/** Limits, as the compiled policy has them: of keys, of what several callers share, of persons behind a key, of groups. */

/** What several callers may have together. Absent: unlimited. */
export interface SharedLimits {
  readonly requestsPerMinute: number | undefined
  readonly tokensPerMinute: number | undefined
  readonly tokensPerDay: number | undefined
  readonly concurrent: number | undefined
}

/** What one key may have. */
export interface Limits extends SharedLimits {
  /** Requests over `concurrent` that wait for their turn. */
  readonly waiting: number
  readonly probesPerMinute: number | undefined
  readonly actionsPerMinute: number | undefined
  readonly repetition: Repetition | undefined
  /** Of each person that the key serves. */
  readonly perPerson: SharedLimits | undefined
}

/** Where a request says which of the persons behind its key it is from. */
export interface PersonRule {
  /** Lower case; undefined: a field of the body, by the dialect. */
  readonly header: string | undefined
  readonly required: boolean
}

/** What the keys of all roles in a group may have together. */
export interface GroupBudget {
  /** Of a calendar month, UTC. */
  readonly tokensPerMonth: number
}

/** How often the same prompt or tool call may occur. */
export interface Repetition {
  /** The same thing may come so often in the window. */
  readonly same: number
  readonly windowMs: number
}
