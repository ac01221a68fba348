/** Whether attestations admit a model: its own digest, tested with the suite of the policy, not too long ago. */
import type { Attestation } from './statement.ts'

/** A model as the lock has it. */
export interface LockedDigest {
  /** Canonical name. */
  readonly name: string
  /** SHA-256 of the manifest in hex, with or without `sha256:`. */
  readonly digest: string
}

/** What the policy asks for. */
export interface SuiteRule {
  /** Name of the suite. */
  readonly suite: string
  readonly maxAgeMs: number
}

/** The verdict, with the time at which it must be asked again, or the reason. */
export type Admission =
  | { readonly admitted: true; readonly untilMs: number }
  | { readonly admitted: false; readonly reason: string }

/** Clocks of the machines that test and that serve may differ by this much. */
const toleranceMs = 5 * 60_000

/**
 * Decides whether a model is admitted.
 * @param attestations verified ones, of any models
 */
export function admits(
  model: LockedDigest,
  attestations: readonly Attestation[],
  rule: SuiteRule,
  nowMs: number,
): Admission {
  const digest = model.digest.replace(/^sha256:/, '')
  const ofModel = attestations.filter(({ model: name }) => name === model.name)
  if (ofModel.length === 0) return refused('it has no attestation')
  const ofDigest = ofModel.filter((each) => each.digest === digest)
  if (ofDigest.length === 0) return refused('its attestation is for another digest')
  const ofSuite = ofDigest.filter(({ suite }) => suite === rule.suite)
  if (ofSuite.length === 0) return refused('it was tested with another suite')
  const past = ofSuite.filter(({ finishedMs }) => finishedMs <= nowMs + toleranceMs)
  if (past.length === 0) return refused('its attestation is from the future')
  const untilMs = Math.max(...past.map(({ finishedMs }) => finishedMs)) + rule.maxAgeMs
  if (untilMs <= nowMs) return refused('its attestation is too old')
  return { admitted: true, untilMs }
}

function refused(reason: string): Admission {
  return { admitted: false, reason }
}
