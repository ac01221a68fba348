/** What a run has shown, attack by attack. */
import type { Attack } from './suite/attack.ts'

/** In the order in which they matter when roles differ. */
export const verdicts = ['through', 'admitted', 'unclear', 'stopped', 'skipped'] as const
/** What became of an attack over all roles. */
export type Verdict = (typeof verdicts)[number]

/** What became of an attack as one role. */
export interface RoleResult {
  readonly role: string
  readonly verdict: Verdict
  /** What stopped it, or why it was not tried or proved nothing. */
  readonly note: string
  /** What closes it, if it got through. */
  readonly close?: string
}

/** What became of an attack. */
export interface AttackResult {
  readonly attack: Attack
  readonly verdict: Verdict
  /** Those as whom it had this verdict. */
  readonly roles: readonly string[]
  /** What stopped it, or why it was not tried, each once. */
  readonly notes: readonly string[]
  /** What closes it, for each of these roles. */
  readonly close: string
}

/** Sums up what became of an attack as each role. */
export function sumUp(attack: Attack, byRole: readonly RoleResult[]): AttackResult {
  const verdict = verdicts.find((each) => byRole.some((one) => one.verdict === each)) ?? 'skipped'
  const those = byRole.filter((one) => one.verdict === verdict)
  return {
    attack,
    verdict,
    roles: those.map(({ role }) => role),
    notes: [...new Set(those.map(({ note }) => note).filter(Boolean))],
    close: [...new Set(those.map(({ close }) => close ?? attack.close))].join(' '),
  }
}

/** A whole run. */
export interface RunResult {
  /** What was attacked, in words. */
  readonly target: string
  /** Of the policy; absent: unknown. */
  readonly policy: string | undefined
  readonly roles: readonly string[]
  readonly results: readonly AttackResult[]
  /** What of the policy is different in the copy that was attacked. */
  readonly changed: readonly string[]
  /** ISO 8601. */
  readonly finished: string
  readonly seconds: number
}

/** Attacks that got through by the same hole. */
export interface Hole {
  readonly close: string
  readonly results: readonly AttackResult[]
}

/** Returns the results with a verdict. */
export function resultsOf(
  { results }: Pick<RunResult, 'results'>,
  verdict: Verdict,
): readonly AttackResult[] {
  return results.filter((each) => each.verdict === verdict)
}

/** Groups what got through by what closes it. */
export function holesOf(run: Pick<RunResult, 'results'>): readonly Hole[] {
  const byClose = new Map<string, AttackResult[]>()
  for (const each of resultsOf(run, 'through')) {
    const found = byClose.get(each.close)
    if (found) found.push(each)
    else byClose.set(each.close, [each])
  }
  return Array.from(byClose, ([close, results]) => ({ close, results }))
}
