/**
 * From findings to a decision. Evidence adds up where it stands together: two medium findings in one
 * paragraph weigh as much as a high one. It weighs more where nobody should be giving orders (a tool's result,
 * a document) and less where the model itself was speaking.
 */
import type { Action, Channel, Finding, Severity } from '../core/text.ts'

export interface Verdict {
  readonly action: Action
  /** The heaviest window of the text; 100 is one high finding. */
  readonly score: number
}

export interface Thresholds {
  readonly block: Severity
  readonly flag: Severity
}

const weights: Readonly<Record<Severity, number>> = { low: 20, medium: 50, high: 100 }
const channelPercent: Readonly<Record<Channel, number>> = {
  user: 100,
  tool: 150,
  document: 200,
  definition: 100,
  assistant: 50,
  // Agents' own prompts speak of rules and of overriding them all day: one phrase is not enough, two are. Of a role
  // whose system prompts are trusted none is scanned.
  system: 50,
}
/** UTF-16 code units within which findings are taken together. */
const windowLength = 1200

/** `findings` in the order of their place, of one text. */
export function judge(findings: readonly Finding[], channel: Channel, thresholds: Thresholds): Verdict {
  const score = (heaviestWindow(findings) * channelPercent[channel]) / 100
  const action =
    score >= weights[thresholds.block] ? 'block' : score >= weights[thresholds.flag] ? 'flag' : 'allow'
  return { action, score }
}

/** A signature counts once per window, however often it is repeated. */
function heaviestWindow(findings: readonly Finding[]): number {
  const counts = new Map<string, number>()
  let first = 0
  let sum = 0
  let most = 0
  for (const finding of findings) {
    for (let oldest = findings[first]; oldest && oldest.start < finding.start - windowLength; ) {
      const left = (counts.get(oldest.id) ?? 1) - 1
      counts.set(oldest.id, left)
      if (left === 0) sum -= weights[oldest.severity]
      oldest = findings[++first]
    }
    const held = counts.get(finding.id) ?? 0
    counts.set(finding.id, held + 1)
    if (held === 0) sum += weights[finding.severity]
    most = Math.max(most, sum)
  }
  return most
}
