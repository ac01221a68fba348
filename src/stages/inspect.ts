/**
 * Stage 7: the prompt guard reads every text that can reach the model. A guard that cannot run refuses.
 */
import type { Clock } from '../core/clock.ts'
import { Refusal } from '../core/refusal.ts'
import type { Action, Channel, Finding, Text } from '../core/text.ts'
import { createRecall, type Recall } from '../scan/recall.ts'
import type { Scanner } from '../scan/scanner.ts'
import { judge } from '../scan/verdict.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import type { Call, Inspected, JudgedFinding } from './exchange.ts'
import { neighbours } from './neighbours.ts'

const guard = 'prompt'
/** Of one request; a text more may go over it. */
const mostFindings = 1024
const heavier: Readonly<Record<Action, number>> = { allow: 0, flag: 1, block: 2 }

export function createInspect(scanner: Scanner, metrics: Metrics, clock: Clock) {
  const scansOf = (channel: Channel) => createRecall((text) => scanner.scan(text, channel))
  const scans: Readonly<Record<Channel, Recall<readonly Finding[]>>> = {
    system: scansOf('system'),
    user: scansOf('user'),
    assistant: scansOf('assistant'),
    tool: scansOf('tool'),
    definition: scansOf('definition'),
    document: scansOf('document'),
  }
  return (call: Call): Inspected => {
    const { role, arrival, identity } = call.caller
    const settings = arrival.snapshot.policy.promptGuard
    // Never silent about what went by unread.
    const unread = call.prompt.unread.map((what) => [what, 'unread'] as const)
    // What the gate answers itself no model reads; scanning it would only tell a prober what is found.
    if (settings.mode === 'off' || call.endpoint.answer) return { call, findings: [], guards: unread }
    const startedAt = clock.monotonicMs()
    const findings: JudgedFinding[] = []
    let worst: Action = 'allow'
    try {
      const scan = (texts: readonly Text[], into: JudgedFinding[]): Action => {
        let heaviest: Action = 'allow'
        for (const { channel, text } of texts) {
          if (role.trustSystem && channel === 'system') continue
          const found = scans[channel].of(text, identity.id)
          const action = judgeOne(found, channel, settings, into)
          if (heavier[action] > heavier[heaviest]) heaviest = action
        }
        return heaviest
      }
      const { texts } = call.prompt
      worst = scan(neighbours(texts, '\n'), findings)
      // Some servers put parts behind each other with nothing between, which can make one word of two.
      if (texts.some(({ glued }) => glued)) {
        const together: JudgedFinding[] = []
        const heaviest = scan(neighbours(texts, ''), together)
        if (heavier[heaviest] > heavier[worst]) {
          worst = heaviest
          findings.splice(0, findings.length, ...together)
        }
      }
    } catch (cause) {
      metrics.guardFailures.inc({ guard })
      throw new Refusal('internal', { detail: 'the prompt guard failed', cause })
    }
    metrics.guardSeconds.observe({ guard }, (clock.monotonicMs() - startedAt) / 1000)
    for (const { category, action } of findings) metrics.findings.inc({ guard, category, action })
    return { call, findings, guards: [[guard, worst], ...unread] }
  }
}

function judgeOne(
  found: readonly Finding[],
  channel: Channel,
  thresholds: Parameters<typeof judge>[2],
  into: JudgedFinding[],
): Action {
  if (found.length === 0) return 'allow'
  const { action } = judge(found, channel, thresholds)
  if (into.length >= mostFindings) return action
  for (const { id, category, severity, start, end } of found)
    into.push({ id, category, severity, start, end, guard, channel, action })
  return action
}

/** Carries the verdict out, unless the policy only wants to observe. */
export function enforce(inspected: Inspected): void {
  if (inspected.call.caller.arrival.snapshot.policy.promptGuard.mode !== 'enforce') return
  if (inspected.guards.some(([, verdict]) => verdict === 'block')) throw new Refusal('prompt_blocked')
}
