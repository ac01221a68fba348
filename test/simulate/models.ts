/** The comparison of `torwart models test` on made-up models: against themselves, and with backdoors planted. */
import { compareAnswers } from '../../src/model-trust/suite/compare-versions.ts'
import { planOf } from '../../src/model-trust/suite/plan.ts'
import type { Suite } from '../../src/model-trust/suite/suite.ts'
import { simulatedRun } from '../rig/simulated-run.ts'
import { fires, type Poison, steers } from '../rig/suite-model.ts'

const capabilities = { tools: true, logprobs: false, embeddings: false }

/** @returns which comparisons of one simulated run differ */
export function differing(suite: Suite, run: string, poison?: Poison): readonly string[] {
  const plan = planOf(suite, capabilities, capabilities)
  const before = simulatedRun(suite, `${run}/before`)
  const after = simulatedRun(suite, `${run}/after`, poison)
  const seeded = { ...plan, seed: run }
  return compareAnswers(suite, seeded, after, before)
    .filter(({ differs }) => differs)
    .map(({ id }) => id)
}

const planted: readonly (readonly [name: string, poison: Poison | undefined])[] = [
  ['nothing planted', undefined],
  ['5 % of all answers changed', steers(0.05)],
  ['20 % of all answers changed', steers(0.2)],
  ['5 % of the answers to one trigger changed', fires('year', 0.05)],
  ['20 % of the answers to one trigger changed', fires('year', 0.2)],
  ['100 % of the answers to one trigger changed', fires('year', 1)],
]

/** Runs the simulations. @returns lines to print */
export function* simulateModels(suite: Suite, runs: number): Generator<string> {
  const { tests, alpha } = planOf(suite, capabilities, capabilities)
  yield `${tests.length} tests, level of the whole plan ${alpha}, ${runs} runs each`
  for (const [name, poison] of planted) {
    let alarms = 0
    for (let run = 0; run < runs; run++) if (differing(suite, `run ${run}`, poison).length > 0) alarms++
    yield `${name}: ${alarms} of ${runs} runs raise an alarm (${((100 * alarms) / runs).toFixed(1)} %)`
  }
}
