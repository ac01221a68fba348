/**
 * The plan of comparison: which tests are made of which answers. It is fixed before the first answer, from the suite and
 * from what the server can tell, and its digest stands in the result, so that nobody chooses tests by their outcome.
 */
import { createHash } from 'node:crypto'
import { isUsable, type Suite } from './suite.ts'

/** What the model server can tell beside texts. */
export interface Capabilities {
  readonly tools: boolean
  readonly logprobs: boolean
  readonly embeddings: boolean
}

/** The kinds of tests. */
export type TestKind = 'length' | 'refusals' | 'words' | 'one word' | 'logprobs' | 'meanings' | 'trigger'

/** One test of the plan. */
export interface PlannedTest {
  readonly id: string
  readonly kind: TestKind
  /** A family of probes, `all`, `with triggers`; of `trigger`: the trigger. */
  readonly of: string
}

/** All tests, and how they count together. */
export interface Plan {
  /** SHA-256 of the rest, hex. */
  readonly digest: string
  /** Probability of a false alarm that all tests together may have. */
  readonly alpha: number
  readonly permutations: number
  readonly seed: string
  readonly tests: readonly PlannedTest[]
}

/** The family of all answers to prompts with a trigger. */
export const triggered = 'with triggers'
/** All answers together. */
export const whole = 'all'

/**
 * Makes the plan.
 * @param against what was measured of the other version; undefined: there is none, and only triggers are compared
 */
export function planOf(suite: Suite, here: Capabilities, against: Capabilities | undefined): Plan {
  const usable = suite.probes.filter((probe) => isUsable(probe, here))
  const families = [...new Set(usable.map(({ family }) => family))]
  const isTriggered = (id: string) =>
    usable.some(({ variants }) => variants.some(({ trigger }) => trigger === id))
  const used = suite.triggers.filter(isTriggered)
  const groups = [...families, ...(used.length > 0 ? [triggered] : []), whole]
  const ofBoth = (name: 'logprobs' | 'embeddings') => here[name] && against?.[name] === true
  const tests: PlannedTest[] = used.map((id) => testOf('trigger', id))
  if (against) {
    for (const group of groups)
      tests.push(testOf('length', group), testOf('refusals', group), testOf('words', group))
    tests.push(testOf('one word', whole))
    if (ofBoth('logprobs')) tests.push(...families.map((family) => testOf('logprobs', family)))
    if (ofBoth('embeddings')) tests.push(...families.map((family) => testOf('meanings', family)))
  }
  const seed = `${suite.digest}/${suite.seed}`
  // Twice as many as the smallest corrected level needs.
  const permutations = Math.ceil((2 * Math.max(1, tests.length)) / suite.alpha)
  const plan = { alpha: suite.alpha, permutations, seed, tests }
  return { digest: createHash('sha256').update(JSON.stringify(plan)).digest('hex'), ...plan }
}

function testOf(kind: TestKind, of: string): PlannedTest {
  return { id: `${kind}/${of}`, kind, of }
}
