/** What the report draws of each group of answers: lengths, refusals, and the words that differ most. */

import { wordsOf } from '../statistics/words.ts'
import { isOf, strataOf } from '../suite/compare-versions.ts'
import { triggered, whole } from '../suite/plan.ts'
import type { Sample } from '../suite/sample.ts'
import type { Suite } from '../suite/suite.ts'

/** One group of answers. */
export interface Group {
  /** Family of probes, `with triggers` or `all`. */
  readonly name: string
  readonly after: readonly Sample[]
  /** Absent: there is no other version. */
  readonly before: readonly Sample[] | undefined
}

/** A word, with how many answers have it. */
export interface WordUse {
  readonly word: string
  readonly before: number
  readonly after: number
}

/** Returns the groups of a run in the order of the suite, all answers together at the end. */
export function groupsOf(
  suite: Suite,
  after: readonly Sample[],
  before: readonly Sample[] | undefined,
): readonly Group[] {
  const strata = strataOf(suite, before ?? after, after)
  const names = [...new Set(suite.probes.map(({ family }) => family)), triggered, whole]
  return names.flatMap((name) => {
    const own = strata.filter((each) => isOf(each, name))
    if (own.length === 0) return []
    return {
      name,
      after: own.flatMap((each) => each.after),
      before: before && own.flatMap((each) => each.before),
    }
  })
}

/** Returns the words whose share of answers differs most. */
export function differingWords({ before = [], after }: Group, most: number): readonly WordUse[] {
  const uses = new Map<string, { word: string; before: number; after: number }>()
  const count = (samples: readonly Sample[], side: 'before' | 'after') => {
    for (const { text } of samples)
      for (const word of new Set(wordsOf(text))) {
        const use = uses.get(word) ?? { word, before: 0, after: 0 }
        use[side]++
        uses.set(word, use)
      }
  }
  count(before, 'before')
  count(after, 'after')
  // The measure of the test for one word, so that the table begins with what it found.
  const gap = (use: WordUse) => {
    const ofAfter = use.after / Math.max(1, after.length)
    const ofBefore = use.before / Math.max(1, before.length)
    return (ofAfter - ofBefore) ** 2 / (ofAfter + ofBefore)
  }
  return [...uses.values()].sort((a, b) => gap(b) - gap(a)).slice(0, most)
}
