/**
 * Stage 7, of tool results: a result for a call that the gate never let through was made up, by the client or by who
 * controls it. That is told in the record and never refused: see `tool-policy/calls/registry.ts` for what looks alike.
 */

import { holderOf } from '../../auth/identity.ts'
import type { Metrics } from '../../telemetry/metrics.ts'
import type { Calls } from '../../tool-policy/calls/registry.ts'
import type { Inspected, JudgedFinding } from '../context.ts'
import { callRights } from '../response/tool-rights.ts'

const guard = 'tools'
const maxTold = 16

const strange: JudgedFinding = {
  guard,
  id: 'tool.unknown-call',
  category: 'LLM01',
  severity: 'low',
  channel: 'tool',
  action: 'flag',
  start: 0,
  end: 0,
}

export function createMatchResults(calls: Calls, metrics: Metrics) {
  return async (inspected: Inspected): Promise<Inspected> => {
    const { caller, prompt } = inspected.call
    // Calls that nobody judges are not remembered.
    if (prompt.results.length === 0 || !callRights(caller)) return inspected
    // By key, not by token: a conversation goes on with the next token, or one that it hands to a helper. None of them
    // gains by it, since whoever holds the key could make any of them.
    const unknown = await calls.unknown(holderOf(caller.identity), prompt.results)
    if (unknown === undefined) {
      metrics.guardFailures.inc({ guard })
      return inspected
    }
    if (unknown > 0) metrics.findings.inc({ guard, category: strange.category, action: 'flag' }, unknown)
    const told = Array.from({ length: Math.min(unknown, maxTold) }, () => strange)
    return {
      ...inspected,
      findings: [...inspected.findings, ...told],
      guards: [...inspected.guards, [guard, unknown > 0 ? 'flag' : 'allow']],
    }
  }
}
