/** How a model server is asked for a list or a fact. */
import type { JsonObject, JsonValue } from '../core/json.ts'
import type { Upstream } from '../policy/policy.ts'

/**
 * Fetches a list, within so many milliseconds.
 * @param question posted, where it takes more than a path to ask
 * @throws Refusal
 */
export type Ask = (
  upstream: Upstream,
  path: string,
  withinMs: number,
  question?: JsonObject,
) => Promise<ServerAnswer>

/** What a model server answered to a question of the gate. */
export interface ServerAnswer {
  readonly status: number
  /** Undefined if it is no JSON. */
  readonly body: JsonValue | undefined
}
