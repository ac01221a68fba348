/**
 * Which of several servers gets a request: the better of two drawn at random (P2C), so that several gates do not all
 * run to the same one. Better is who will answer sooner, by its latency and what it has to do; who fails often counts
 * as slow, because an error that comes at once is no answer.
 */
import { rateOf } from './outlier.ts'
import type { ModelServer } from './server.ts'

/** A server that could take a request. */
export interface Candidate {
  readonly server: ModelServer
  /** How many requests at once the policy gives it. */
  readonly concurrent: number
}

/** What a server counts at least that does nothing but fail. */
const minSuccess = 0.1

/** Chooses a server; undefined if there are none. @param random from 0 to below 1 */
export function choose<T extends Candidate>(candidates: readonly T[], random: () => number): T | undefined {
  const [first, second] = drawn(candidates, random)
  if (!first || !second) return first
  const latency = Math.min(
    first.server.health.latencyMs ?? Infinity,
    second.server.health.latencyMs ?? Infinity,
  )
  const unknown = Number.isFinite(latency) ? latency : 1
  return cost(second, unknown) < cost(first, unknown) ? second : first
}

/** Two of them, in their order. */
function drawn<T>(candidates: readonly T[], random: () => number): readonly T[] {
  if (candidates.length <= 2) return candidates
  const one = Math.floor(random() * candidates.length)
  const other = (one + 1 + Math.floor(random() * (candidates.length - 1))) % candidates.length
  return candidates.filter((_, index) => index === one || index === other)
}

/** @param unknownMs the latency of a server that has not answered yet: as good as the other's, so that it is tried */
function cost({ server, concurrent }: Candidate, unknownMs: number): number {
  const { health, inFlight } = server
  const success = Math.max(minSuccess, 1 - rateOf(health.tally))
  const latencyMs = Math.max(1, health.latencyMs ?? unknownMs)
  return (latencyMs * (inFlight + 0.5)) / concurrent / success
}
