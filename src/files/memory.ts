/** How much memory requests may hold together where the policy does not say: a share of what there is. */
import { totalmem } from 'node:os'
import { getHeapStatistics } from 'node:v8'

/** The rest is for code, signatures, caches and what the collector has not come to yet. */
const share = 0.4

/**
 * Texts are held in V8's heap, bytes beside it: whichever is the tighter counts.
 * @param constrained what a container may have; undefined or 0: no bound is known
 * @param processes that share it; each has a heap of its own
 */
export function memoryBudget(constrained: number | undefined, processes = 1): number {
  const there = constrained !== undefined && constrained > 0 ? constrained : Number.POSITIVE_INFINITY
  const { heap_size_limit: heap } = getHeapStatistics()
  return Math.floor(Math.min(heap, there / processes, totalmem() / processes) * share)
}
