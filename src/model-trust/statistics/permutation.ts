/**
 * Permutation tests: how often a random exchange of the two sides, prompt by prompt, gives a statistic as large as the one
 * seen. Exact without any assumption on how answers are distributed.
 */
import type { Random } from './random.ts'
import type { Stratum } from './strata.ts'

/** Items of both sides in one list, with what is exchanged with what. */
export interface Pool<T> {
  readonly items: readonly T[]
  /** 1 for an item of `after`. */
  readonly labels: Uint8Array
  /** Index behind the last item of each stratum. */
  readonly ends: readonly number[]
}

/** After so many exchanges with a larger statistic nothing more is learnt (Besag and Clifford, 1991). */
const enough = 50

/** Puts strata into one list. */
export function poolOf<T>(strata: readonly Stratum<T>[]): Pool<T> {
  const items: T[] = []
  const labels: number[] = []
  const ends: number[] = []
  for (const { before, after } of strata) {
    items.push(...before, ...after)
    labels.push(...before.map(() => 0), ...after.map(() => 1))
    ends.push(items.length)
  }
  return { items, labels: Uint8Array.from(labels), ends }
}

/**
 * Returns the probability of a statistic as large as that of the labels given.
 * @param statistic of labels; it must not keep them
 * @param most how many exchanges at most; the smallest result is 1 / (`most` + 1)
 */
export function permutationP(
  { labels, ends }: Pick<Pool<unknown>, 'labels' | 'ends'>,
  statistic: (labels: Uint8Array) => number,
  random: Random,
  most: number,
): number {
  const seen = statistic(labels)
  // Sums in another order differ in their last digits.
  const atLeast = seen - Math.abs(seen) * 1e-12
  const shuffled = labels.slice()
  let larger = 0
  for (let count = 1; count <= most; count++) {
    shuffleWithin(shuffled, ends, random)
    if (statistic(shuffled) >= atLeast) larger++
    if (larger === enough) return larger / count
  }
  return (larger + 1) / (most + 1)
}

function shuffleWithin(labels: Uint8Array, ends: readonly number[], random: Random): void {
  let start = 0
  for (const end of ends) {
    for (let at = end - 1; at > start; at--) {
      const other = start + Math.floor(random() * (at - start + 1))
      const kept = labels[at] ?? 0
      labels[at] = labels[other] ?? 0
      labels[other] = kept
    }
    start = end
  }
}
