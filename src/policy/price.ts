/** Prices, as the compiled policy has them. */
import type { ModelMatcher } from '../models/match.ts'

/** What models that match a pattern cost. */
export interface Price {
  readonly matches: ModelMatcher
  /** For a million tokens each, in any one currency. */
  readonly input: number
  readonly output: number
}
