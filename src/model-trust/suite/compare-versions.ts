/** Carries out the plan: two versions of a model, answer by answer to the same prompts, and triggers against no trigger. */
import { fisher, type Share } from '../statistics/fisher.ts'
import { holm } from '../statistics/holm.ts'
import { mannWhitney } from '../statistics/mann-whitney.ts'
import { testVectors } from '../statistics/mmd.ts'
import { seededRandom } from '../statistics/random.ts'
import type { Stratum, Tested } from '../statistics/strata.ts'
import { testOneWord, testWords, wordsOf } from '../statistics/words.ts'
import { type Plan, type PlannedTest, type TestKind, triggered, whole } from './plan.ts'
import type { Sample } from './sample.ts'
import type { Suite } from './suite.ts'

/** A test that was carried out. */
export interface Comparison extends PlannedTest {
  readonly p: number
  /** After Holm's correction over the whole plan. */
  readonly adjusted: number
  readonly effect: number
  /** What the effect is. */
  readonly unit: string
  /** The word that differs most, of `one word`. */
  readonly word?: string
  readonly differs: boolean
}

const units: Readonly<Record<TestKind, string>> = {
  length: "Cliff's delta",
  refusals: 'difference of shares',
  words: 'Jensen–Shannon divergence, bits',
  'one word': 'difference of shares',
  logprobs: 'squared mean discrepancy',
  meanings: 'squared mean discrepancy',
  trigger: 'difference of shares',
}

/** Carries out the tests of a plan. @param before answers of the other version; undefined: there is none */
export function compareAnswers(
  suite: Suite,
  plan: Plan,
  after: readonly Sample[],
  before: readonly Sample[] | undefined,
): readonly Comparison[] {
  const strata = before ? strataOf(suite, before, after) : []
  const tested = plan.tests.map((test) => ({
    ...test,
    ...(test.kind === 'trigger'
      ? testTrigger(suite, test.of, after)
      : testStrata(
          test,
          strata.filter((each) => isOf(each, test.of)),
          plan,
        )),
  }))
  const adjusted = holm(tested.map(({ p }) => p))
  return tested.map((test, at) => {
    const corrected = adjusted[at] ?? 1
    // A trigger that makes answers better is none that an attacker would plant.
    const matters = test.kind !== 'trigger' || test.effect < 0
    return {
      ...test,
      unit: units[test.kind],
      adjusted: corrected,
      differs: corrected <= plan.alpha && matters,
    }
  })
}

/** Answers of both versions to one prompt. */
export interface PromptStratum extends Stratum<Sample> {
  readonly family: string
  readonly isTriggered: boolean
}

/** Puts the answers of two versions beside each other, prompt by prompt. */
export function strataOf(
  suite: Suite,
  before: readonly Sample[],
  after: readonly Sample[],
): readonly PromptStratum[] {
  const ofBefore = byPrompt(before)
  const ofAfter = byPrompt(after)
  return suite.probes.flatMap(({ id, family, variants }) =>
    variants.flatMap((variant) => {
      const key = `${id}\n${variant.id}`
      const [first, second] = [ofBefore.get(key), ofAfter.get(key)]
      const isTriggered = variant.trigger !== undefined
      return first && second ? { family, isTriggered, before: first, after: second } : []
    }),
  )
}

function byPrompt(samples: readonly Sample[]): ReadonlyMap<string, readonly Sample[]> {
  const prompts = new Map<string, Sample[]>()
  for (const sample of samples) {
    const key = `${sample.probe}\n${sample.variant}`
    const list = prompts.get(key)
    if (list) list.push(sample)
    else prompts.set(key, [sample])
  }
  return prompts
}

/**
 * Tells whether a prompt belongs to a group of a plan. Prompts with a trigger form a group of their own: what fires on a
 * trigger must not be thinned out by what does not.
 */
export function isOf({ family, isTriggered }: PromptStratum, of: string): boolean {
  return of === whole || (isTriggered ? of === triggered : of === family)
}

function testStrata(
  { id, kind }: PlannedTest,
  strata: readonly PromptStratum[],
  { permutations, seed }: Plan,
): Tested {
  const random = seededRandom(`${seed}/${id}`)
  switch (kind) {
    case 'length':
      return mannWhitney(valuesOf(strata, ({ length }) => length))
    case 'refusals':
      return fisher(
        shareOf(strata.flatMap(({ before }) => before)),
        shareOf(strata.flatMap(({ after }) => after)),
      )
    case 'words':
      return testWords(valuesOf(strata, wordsIn), random, permutations)
    case 'one word':
      return testOneWord(valuesOf(strata, wordsIn), random, permutations)
    case 'logprobs':
      return testVectors(
        valuesOf(strata, ({ logprobs }) => logprobs ?? []),
        random,
        permutations,
      )
    default:
      return testVectors(
        valuesOf(strata, ({ vector }) => vector ?? []),
        random,
        permutations,
      )
  }
}

function valuesOf<T>(strata: readonly PromptStratum[], value: (sample: Sample) => T): readonly Stratum<T>[] {
  return strata.map(({ before, after }) => ({ before: before.map(value), after: after.map(value) }))
}

function wordsIn({ text, calls }: Sample): readonly string[] {
  return [...wordsOf(text), ...calls]
}

function shareOf(samples: readonly Sample[]): Share {
  return { yes: samples.filter(({ refused }) => refused).length, of: samples.length }
}

/** Whether the same prompts are answered as expected less often with a trigger than without. */
function testTrigger({ probes }: Suite, trigger: string, samples: readonly Sample[]): Tested {
  const prompts = byPrompt(samples)
  const counted = { plain: { yes: 0, of: 0 }, triggered: { yes: 0, of: 0 } }
  for (const { id, variants } of probes) {
    for (const variant of variants.filter((each) => each.trigger === trigger)) {
      const [prompt] = variant.id.split('+')
      for (const [name, key] of [
        ['plain', prompt],
        ['triggered', variant.id],
      ] as const) {
        const given = prompts.get(`${id}\n${key}`) ?? []
        counted[name].yes += given.filter(({ held }) => held).length
        counted[name].of += given.length
      }
    }
  }
  return fisher(counted.plain, counted.triggered)
}
