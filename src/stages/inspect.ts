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
    let read: Reading
    try {
      const found = ({ channel, text }: Text): Found =>
        role.trustSystem && channel === 'system'
          ? { channel, findings: [] }
          : { channel, findings: scans[channel].of(text, identity.id) }
      const { texts } = call.prompt
      const spaced = neighbours(texts, '\n')
      const foundSpaced = spaced.map(found)
      read = judgeAll(foundSpaced, settings)
      // Some servers put parts behind each other with nothing between, which can make one word of two.
      if (texts.some(({ glued }) => glued)) {
        const foundGlued = neighbours(texts, '').map((joined, index) =>
          joined.text === spaced[index]?.text ? (foundSpaced[index] ?? found(joined)) : found(joined),
        )
        const glued = judgeAll(foundGlued, settings)
        if (heavier[glued.worst] > heavier[read.worst]) read = glued
      }
    } catch (cause) {
      metrics.guardFailures.inc({ guard })
      throw new Refusal('internal', { detail: 'the prompt guard failed', cause })
    }
    metrics.guardSeconds.observe({ guard }, (clock.monotonicMs() - startedAt) / 1000)
    const { findings, worst } = read
    for (const { category, action } of findings) metrics.findings.inc({ guard, category, action })
    return { call, findings, guards: [[guard, worst], ...unread] }
  }
}

/** What was found in one text. */
interface Found {
  readonly channel: Channel
  readonly findings: readonly Finding[]
}

/** All texts, read in one way. */
interface Reading {
  readonly worst: Action
  readonly findings: readonly JudgedFinding[]
}

function judgeAll(texts: readonly Found[], thresholds: Parameters<typeof judge>[2]): Reading {
  const findings: JudgedFinding[] = []
  let worst: Action = 'allow'
  for (const { channel, findings: found } of texts) {
    if (found.length === 0) continue
    const { action } = judge(found, channel, thresholds)
    if (heavier[action] > heavier[worst]) worst = action
    if (findings.length >= mostFindings) continue
    for (const { id, category, severity, start, end } of found)
      findings.push({ id, category, severity, start, end, guard, channel, action })
  }
  return { worst, findings }
}

/** Carries the verdict out, unless the policy only wants to observe. */
export function enforce(inspected: Inspected): void {
  if (inspected.call.caller.arrival.snapshot.policy.promptGuard.mode !== 'enforce') return
  if (inspected.guards.some(([, verdict]) => verdict === 'block')) throw new Refusal('prompt_blocked')
}
