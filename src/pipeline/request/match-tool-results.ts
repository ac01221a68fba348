/**
 * A result for a call that the gateway never let through was made up, by the client or by who controls it. The record
 * says so, and the request is never refused: see `tool-policy/calls/registry.ts` for what looks alike.
 */

import { holderOf } from '../../auth/identity.ts'
import type { Metrics } from '../../telemetry/metrics.ts'
import type { ToolCallRegistry } from '../../tool-policy/calls/registry.ts'
import { extend, type Matched, type Scanned } from '../context.ts'
import type { JudgedFinding } from '../findings.ts'
import { countFindings } from '../labels.ts'
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

const nothing = { resultFindings: [], resultGuards: [] } as const

/** Never rejects. */
export type MatchToolResults = (request: Scanned) => Promise<Matched>

/** @param calls that were let through */
export function createMatchToolResults(calls: ToolCallRegistry, metrics: Metrics): MatchToolResults {
  return async (request) => {
    const { identity, prompt } = request
    // Calls that are not judged are not remembered.
    if (prompt.results.length === 0 || !callRights(request)) return extend(request, nothing)
    // By key, not by token: a conversation goes on with the next token, or one that it hands to a helper. None of them
    // gains by it, since whoever holds the key could make any of them.
    const unknown = await calls.unknown(holderOf(identity), prompt.results)
    if (unknown === undefined) {
      metrics.guardFailures.inc({ guard })
      return extend(request, nothing)
    }
    if (unknown > 0) countFindings(metrics, identity, strange, unknown)
    const told = Array.from({ length: Math.min(unknown, maxTold) }, () => strange)
    return extend(request, {
      resultFindings: told,
      resultGuards: [[guard, unknown > 0 ? 'flag' : 'allow']],
    })
  }
}
