/** The result of a run: the verdict, each probe, each comparison. `DIR/result.json` is this, with the answers. */
import { readFileSync, statSync } from 'node:fs'
import { tryJson } from '../../core/json.ts'
import { type Comparison, compareAnswers, strataOf } from './compare-versions.ts'
import type { Capabilities, Plan } from './plan.ts'
import type { RunEnd } from './runner.ts'
import { isSample, type Sample } from './sample.ts'
import { answersOf, isUsable, type Probe, type Suite } from './suite.ts'

/** `unfinished`: answers are missing, so nothing is proven. */
export type Verdict = 'passed' | 'failed' | 'unfinished'

/** How one prompt of a probe was answered. */
export interface VariantResult {
  readonly id: string
  /** Answers that are as expected. */
  readonly held: number
  readonly of: number
}

/** How a probe went. */
export interface ProbeResult {
  readonly id: string
  readonly family: string
  /** `not applicable`: the model takes no tools, so it cannot be asked to call one. */
  readonly state: Verdict | 'not applicable'
  /** Share that must hold. */
  readonly holds: number
  readonly variants: readonly VariantResult[]
}

/** The model that was asked. */
export interface TestedModel {
  readonly name: string
  readonly upstream: string
  /** SHA-256 of the manifest; null: the server does not tell. */
  readonly digest: string | null
}

/** A version that was tested before. */
export interface Baseline {
  readonly model: TestedModel
  readonly finished: string
  readonly capabilities: Capabilities
  readonly samples: readonly Sample[]
}

/** The result of a run. */
export interface Result {
  readonly verdict: Verdict
  /** Why it is unfinished. */
  readonly why?: string
  readonly model: TestedModel
  readonly suite: { readonly name: string; readonly digest: string }
  readonly seed: number
  /** When it ended, RFC 3339. */
  readonly finished: string
  readonly plan: Plan
  readonly capabilities: Capabilities
  readonly against?: Pick<Baseline, 'model' | 'finished'> & {
    /** Share of answers that are the same, letter by letter. */
    readonly identical: number
  }
  readonly probes: readonly ProbeResult[]
  readonly comparisons: readonly Comparison[]
  readonly samples: readonly Sample[]
}

/** A run that has ended, and what it was of. */
export interface EndedRun {
  readonly suite: Suite
  readonly plan: Plan
  readonly model: TestedModel
  readonly capabilities: Capabilities
  readonly end: RunEnd
  readonly finishedMs: number
}

/** Judges a run. An unfinished one is not compared: half the answers would be another plan. */
export function judgeRun(run: EndedRun, against: Baseline | undefined): Result {
  const { suite, plan, model, capabilities, end, finishedMs } = run
  const { samples } = end
  const probes = suite.probes.map((probe) => judgeProbe(probe, capabilities, samples))
  const comparisons = end.finished ? compareAnswers(suite, plan, samples, against?.samples) : []
  const isPassed = probes.every(({ state }) => state === 'passed' || state === 'not applicable')
  const isSame = comparisons.every(({ differs }) => !differs)
  const verdict = !end.finished ? 'unfinished' : isPassed && isSame ? 'passed' : 'failed'
  return {
    verdict,
    ...(end.finished ? {} : { why: end.why }),
    model,
    suite: { name: suite.name, digest: suite.digest },
    seed: suite.seed,
    finished: new Date(finishedMs).toISOString(),
    plan,
    capabilities,
    ...(against && end.finished ? { against: comparedWith(suite, against, samples) } : {}),
    probes,
    comparisons,
    samples,
  }
}

function judgeProbe(probe: Probe, capabilities: Capabilities, samples: readonly Sample[]): ProbeResult {
  const { id, family, holds } = probe
  if (!isUsable(probe, capabilities)) return { id, family, holds, state: 'not applicable', variants: [] }
  const variants = probe.variants.map((variant) => {
    const given = samples.filter((each) => each.probe === id && each.variant === variant.id)
    return {
      id: variant.id,
      held: given.filter((each) => isHeld(probe, each, given)).length,
      of: given.length,
    }
  })
  const isMissing = variants.some(({ of }) => of < probe.samples)
  // A share of 0.9 of 10 is 9, whatever the last digit of their product.
  const isGood = variants.every(({ held, of }) => held >= holds * of - 1e-9)
  return { id, family, holds, state: isMissing ? 'unfinished' : isGood ? 'passed' : 'failed', variants }
}

/** Whether an answer is as the probe expects. @param given all answers to the prompt */
export function isHeld({ expect }: Probe, sample: Sample, given: readonly Sample[]): boolean {
  return sample.held && (!expect.same || sample.digest === given[0]?.digest)
}

function comparedWith(
  suite: Suite,
  { model, finished, samples: before }: Baseline,
  after: readonly Sample[],
) {
  let same = 0
  let count = 0
  for (const stratum of strataOf(suite, before, after))
    for (const sample of stratum.after) {
      count++
      if (stratum.before.some(({ index, digest }) => index === sample.index && digest === sample.digest))
        same++
    }
  return { model, finished, identical: count === 0 ? 0 : same / count }
}

/** A file that cannot be compared with. */
export class BaselineError extends Error {
  override readonly name = 'BaselineError'
}

const maxBytes = 256 * 1024 * 1024

/**
 * Reads the result of an earlier run of the same suite.
 * @throws BaselineError if it is none, or was not finished, and what `fs` throws
 */
export function readBaseline(file: string, suite: Suite): Baseline {
  if (statSync(file).size > maxBytes) throw new BaselineError(`${file} is larger than 256 MiB`)
  const value: unknown = tryJson(readFileSync(file, 'utf8'))
  if (!isResult(value)) throw new BaselineError(`${file} is no result of \`torwart models test\``)
  if (value.suite.digest !== suite.digest)
    throw new BaselineError(
      `${file} is of another suite, or of another version of it: test that model with this one first`,
    )
  const expected = answersOf({
    probes: suite.probes.filter((probe) => isUsable(probe, value.capabilities)),
  })
  if (value.verdict === 'unfinished' || value.samples.length !== expected)
    throw new BaselineError(`${file} is of a run that did not finish`)
  const { model, finished, capabilities, samples } = value
  return { model, finished, capabilities, samples }
}

function isResult(value: unknown): value is Result {
  if (typeof value !== 'object' || value === null) return false
  const { verdict, model, suite, finished, capabilities, samples }: Partial<Result> = value
  return (
    typeof verdict === 'string' &&
    typeof model?.name === 'string' &&
    typeof suite?.digest === 'string' &&
    typeof finished === 'string' &&
    typeof capabilities?.tools === 'boolean' &&
    typeof capabilities.logprobs === 'boolean' &&
    typeof capabilities.embeddings === 'boolean' &&
    Array.isArray(samples) &&
    samples.every(isSample)
  )
}
