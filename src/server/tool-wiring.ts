/** What the tool gate keeps: questions to humans and calls that were let through, and who is told of them. */

import { type ApprovalService, createApprovalService } from '../approvals/service.ts'
import type { ApprovalStore } from '../approvals/store.ts'
import { createApprovalWebhook } from '../approvals/webhook.ts'
import type { Clock } from '../core/clock.ts'
import type { Intervals } from '../core/intervals.ts'
import { describeError } from '../core/refusal.ts'
import type { Policy } from '../policy/policy.ts'
import type { RedisClient } from '../redis/client.ts'
import type { Log } from '../telemetry/log.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import { createToolCallRegistry, type ToolCallRegistry } from '../tool-policy/calls/registry.ts'
import type { SharedToolCalls } from '../tool-policy/calls/shared.ts'
import { pinsFile } from '../tool-policy/pins/pin-file.ts'
import { openToolPins, type ToolPins } from '../tool-policy/pins/pins.ts'

/** What it takes to open the tool gate. */
export interface ToolGateParts {
  readonly atStart: Policy
  /** Which errors of the stores it explains, if they are there. */
  readonly redis: RedisClient | undefined
  readonly approvalStore: ApprovalStore
  /** Undefined: no other process lets calls through. */
  readonly sharedCalls: SharedToolCalls | undefined
  policy(): Policy
  readonly clock: Clock
  readonly metrics: Metrics
  readonly log: Log
  readonly intervals: Intervals
  recordEvent(event: string, details: object): void
}

/** Questions to humans, and the calls that were let through. */
export interface ToolGate {
  readonly approvals: ApprovalService
  readonly calls: ToolCallRegistry
  readonly toolPins: ToolPins
}

/** @throws TypeError if the file of pinned tools is not what it should be */
export function openToolGate(parts: ToolGateParts): ToolGate & { close(): Promise<void> } {
  const { atStart, redis, approvalStore, sharedCalls, policy, clock, metrics, log, intervals, recordEvent } =
    parts
  const report = (problem: string, error?: unknown) =>
    log.error(redis ? redis.trouble(error) : { cause: describeError(error) }, problem)
  const calls = createToolCallRegistry(sharedCalls, report)
  const webhook = createApprovalWebhook({
    settings: () => policy().approval,
    now: clock.wallMs,
    report: (problem, error) => log.warn({ cause: describeError(error) }, problem),
  })
  const approvals = createApprovalService({
    store: approvalStore,
    report,
    tell(event, approval, usedBy) {
      metrics.approvals.inc({ event })
      const { id, identity, request, tool, model, by, why } = approval
      log.info({ approval: id, caller: identity.id, request, usedBy }, `approval ${event}`)
      // Events cannot be erased. The arguments stand in the record of the request, which can be; so does the name.
      recordEvent(`approval ${event}`, {
        approval: id,
        identity: { id: identity.id, role: identity.role },
        tool,
        model,
        policy: approval.policy,
        request,
        usedBy,
        by,
        why,
      })
      webhook.tell(event, approval, usedBy)
    },
  })
  const toolPins = openToolPins({
    file: pinsFile(atStart.keysFile),
    nowMs: clock.wallMs,
    everyMs: intervals.toolPinsMs,
    report: (problem, cause) => log.error({ cause }, problem),
  })
  return {
    calls,
    approvals,
    toolPins,
    async close() {
      webhook.close()
      approvals.close()
      await toolPins.close()
    },
  }
}
