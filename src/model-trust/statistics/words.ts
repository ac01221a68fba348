/** Which words the answers of two versions use: the distance of their distributions, and the word that differs most. */
import { type Pool, permutationP, poolOf } from './permutation.ts'
import type { Random } from './random.ts'
import type { Stratum, Tested } from './strata.ts'

/** Words beyond this count as one; the most frequent ones stay. */
const maxVocabulary = 20_000
const word = /[\p{L}\p{N}]+(?:'\p{L}+)*/gu

/** Splits a text into words, in lower case. */
export function wordsOf(text: string): readonly string[] {
  return text.toLowerCase().replaceAll('’', "'").match(word) ?? []
}

/** Words of all answers by number, and how often each answer has each. */
interface Counted extends Pool<Uint32Array> {
  readonly vocabulary: readonly string[]
}

function counted(strata: readonly Stratum<readonly string[]>[]): Counted {
  const frequency = new Map<string, number>()
  for (const { before, after } of strata)
    for (const words of [...before, ...after])
      for (const each of words) frequency.set(each, (frequency.get(each) ?? 0) + 1)
  const vocabulary = [...frequency.entries()]
    .sort((a, b) => b[1] - a[1])
    .slice(0, maxVocabulary)
    .map(([each]) => each)
  const numbers = new Map(vocabulary.map((each, number) => [each, number]))
  const numbered = (words: readonly string[]) =>
    Uint32Array.from(words.map((each) => numbers.get(each) ?? vocabulary.length))
  const pool = poolOf(
    strata.map(({ before, after }) => ({ before: before.map(numbered), after: after.map(numbered) })),
  )
  return { ...pool, vocabulary }
}

/**
 * The Jensen–Shannon divergence of two distributions (Lin, 1991), in bits: 0 where they are the same, 1 where they share
 * nothing.
 * @param before counts @param after counts of the same things
 */
export function jensenShannon(before: ArrayLike<number>, after: ArrayLike<number>): number {
  let ofBefore = 0
  let ofAfter = 0
  for (let at = 0; at < before.length; at++) {
    ofBefore += before[at] ?? 0
    ofAfter += after[at] ?? 0
  }
  if (ofBefore === 0 || ofAfter === 0) return ofBefore === ofAfter ? 0 : 1
  let divergence = 0
  for (let at = 0; at < before.length; at++) {
    const p = (before[at] ?? 0) / ofBefore
    const q = (after[at] ?? 0) / ofAfter
    const middle = (p + q) / 2
    if (p > 0) divergence += (p / 2) * Math.log2(p / middle)
    if (q > 0) divergence += (q / 2) * Math.log2(q / middle)
  }
  return Math.max(0, divergence)
}

/** Tests whether the words of answers are distributed differently. @returns as effect the Jensen–Shannon divergence in bits */
export function testWords(
  strata: readonly Stratum<readonly string[]>[],
  random: Random,
  permutations: number,
): Tested {
  const pool = counted(strata)
  const size = pool.vocabulary.length + 1
  const total = new Float64Array(size)
  for (const words of pool.items) for (const each of words) total[each] = (total[each] ?? 0) + 1
  const before = new Float64Array(size)
  const after = new Float64Array(size)
  const statistic = (labels: Uint8Array) => {
    after.fill(0)
    for (const [at, words] of pool.items.entries())
      if (labels[at] === 1) for (const each of words) after[each] = (after[each] ?? 0) + 1
    for (let at = 0; at < size; at++) before[at] = (total[at] ?? 0) - (after[at] ?? 0)
    return jensenShannon(before, after)
  }
  return { p: permutationP(pool, statistic, random, permutations), effect: statistic(pool.labels) }
}

/** A test's result, with the word that it is about. */
export interface TestedWord extends Tested {
  readonly word: string
}

/**
 * Tests whether any word is in more answers of one side than of the other: what a steered model adds to a few of its
 * answers. The largest difference of all words is compared with the largest of each exchange (Westfall and Young, 1993),
 * so that many words are one test.
 * @returns as effect the share of `after` that has the word, less that of `before`
 */
export function testOneWord(
  strata: readonly Stratum<readonly string[]>[],
  random: Random,
  permutations: number,
): TestedWord {
  const pool = counted(strata)
  const sets = pool.items.map((words) => Uint32Array.from(new Set(words)))
  const size = pool.vocabulary.length + 1
  const total = new Float64Array(size)
  for (const words of sets) for (const each of words) total[each] = (total[each] ?? 0) + 1
  const after = new Float64Array(size)
  const largest = (labels: Uint8Array) => {
    after.fill(0)
    for (const [at, words] of sets.entries())
      if (labels[at] === 1) for (const each of words) after[each] = (after[each] ?? 0) + 1
    let at = 0
    let value = -1
    for (let each = 0; each < size; each++) {
      const count = total[each] ?? 0
      const difference = 2 * (after[each] ?? 0) - count
      const square = count === 0 ? 0 : difference ** 2 / count
      if (square > value) [at, value] = [each, square]
    }
    return { at, value }
  }
  const p = permutationP(pool, (labels) => largest(labels).value, random, permutations)
  const { at } = largest(pool.labels)
  const ofAfter = pool.labels.reduce((sum, label) => sum + label, 0)
  const ofBefore = pool.labels.length - ofAfter
  const found = after[at] ?? 0
  const effect = ofAfter && ofBefore ? found / ofAfter - ((total[at] ?? 0) - found) / ofBefore : 0
  return { p, effect, word: pool.vocabulary[at] ?? '' }
}
