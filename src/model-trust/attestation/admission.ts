/** Whether attestations admit a model: its own digest, tested with the suite of the policy, not too long ago. */
import { basename } from 'node:path'
import type { Attestation } from './statement.ts'
import { type Attestations, attestationFileName } from './store.ts'

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

/** Decides as `admits` does; a key that is missing and an attestation that was refused are reasons of their own. */
export function admitsBy(
  model: LockedDigest,
  { attestations, refused: bad, fault }: Attestations,
  rule: SuiteRule,
  nowMs: number,
): Admission {
  if (fault !== undefined) return refused(fault)
  const verdict = admits(model, attestations, rule, nowMs)
  if (verdict.admitted) return verdict
  const digest = model.digest.replace(/^sha256:/, '')
  const own = attestationFileName({ model: model.name, digest, suite: rule.suite })
  const found = bad.find(({ file }) => basename(file) === own)
  return found ? refused(`its attestation is not accepted: ${found.reason}`) : verdict
}

function refused(reason: string): Admission {
  return { admitted: false, reason }
}
