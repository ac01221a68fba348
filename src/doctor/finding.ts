/** What `torwart doctor` reports: findings, and what it could not look at. */

/** How bad a finding is, the worst first. */
export const severities = ['critical', 'high', 'medium', 'low'] as const
/** One of the severities. */
export type Severity = (typeof severities)[number]

/** Something unsafe about a deployment. */
export interface Finding {
  /** Of the check, in kebab case. */
  readonly id: string
  readonly severity: Severity
  readonly what: string
  /** What somebody could do with it. */
  readonly why: string
  /** The command or setting that mends it. */
  readonly fix: string
}

/** What a check could not look at. It is neither safe nor unsafe. */
export interface Unchecked {
  readonly id: string
  readonly why: string
}

/** What a check says; nothing if all it looks at is safe. */
export type Outcome = Finding | Unchecked

/** Whether an outcome is a finding. */
export function isFinding(outcome: Outcome): outcome is Finding {
  return 'severity' in outcome
}
