/**
 * The Mann–Whitney test, prompt by prompt: with one stratum the test of Mann and Whitney (1947), with several that of van
 * Elteren (1960). Normal approximation with corrections for ties and continuity, as R's `wilcox.test(exact = FALSE)`.
 */
import { errorFunction } from 'simple-statistics'
import type { Stratum, Tested } from './strata.ts'

/**
 * Tests whether values are larger on one side.
 * @returns p of both tails; as effect Cliff's delta of all strata, weighted by their pairs: the share of pairs in which
 *   `after` is larger, less the share in which it is smaller
 */
export function mannWhitney(strata: readonly Stratum<number>[]): Tested {
  let sum = 0
  let variance = 0
  let smallestStep = Number.POSITIVE_INFINITY
  let lead = 0
  let pairs = 0
  for (const { before, after } of strata) {
    const m = before.length
    const n = after.length
    if (m === 0 || n === 0) continue
    const { u, spread } = counted(before, after)
    const weight = 1 / (m + n + 1)
    sum += weight * (u - (m * n) / 2)
    variance += weight ** 2 * spread
    smallestStep = Math.min(smallestStep, weight)
    lead += 2 * u - m * n
    pairs += m * n
  }
  if (variance === 0) return { p: 1, effect: 0 }
  const distance = Math.max(0, Math.abs(sum) - smallestStep / 2)
  const p = 1 - errorFunction(distance / Math.sqrt(2 * variance))
  return { p: Math.min(1, Math.max(p, 0)), effect: lead / pairs }
}

/** @returns how many pairs `after` wins, ties counting half, and the variance of that number */
function counted(before: readonly number[], after: readonly number[]): { u: number; spread: number } {
  const m = before.length
  const n = after.length
  const total = m + n
  const values = [
    ...before.map((value) => ({ value, isAfter: false })),
    ...after.map((value) => ({ value, isAfter: true })),
  ].sort((a, b) => a.value - b.value)
  let rankSum = 0
  let ties = 0
  for (let from = 0; from < total; ) {
    let to = from
    while (to < total && values[to]?.value === values[from]?.value) to++
    const size = to - from
    const rank = (from + to + 1) / 2
    for (let at = from; at < to; at++) if (values[at]?.isAfter) rankSum += rank
    ties += size ** 3 - size
    from = to
  }
  const spread = total > 1 ? ((m * n) / 12) * (total + 1 - ties / (total * (total - 1))) : 0
  return { u: rankSum - (n * (n + 1)) / 2, spread }
}
