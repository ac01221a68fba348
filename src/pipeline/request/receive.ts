/** Stage 1: the only place that asks for the current policy. Whatever happens later, this request sees this one. */

import type { ShownCertificate } from '../../auth/mtls/certificate.ts'
import type { Clock } from '../../core/clock.ts'
import type { Hold } from '../../core/held-bytes.ts'
import { randomHex } from '../../core/random.ts'
import { findSensitive } from '../../detect/sensitive/mask.ts'
import type { Dialect } from '../../dialects/dialect.ts'
import type { Cancellation } from '../cancellation.ts'
import type { IncomingRequest, Snapshot } from '../context.ts'
import { GuardWork } from '../guard-work.ts'
import { createTraces } from '../trace.ts'

export interface RequestHead {
  readonly route: string
  readonly dialect: Dialect
  readonly peer: string
  readonly rawHeaders: readonly string[]
  readonly certificate: ShownCertificate | undefined
  /** The inbound `x-request-id` and `traceparent`, if any. */
  readonly requestId: string | undefined
  readonly traceparent: string | undefined
  /** And `x-agent-id` and `x-session-id`. */
  readonly agent: string | undefined
  readonly session: string | undefined
  readonly cancellation: Cancellation
  readonly hold: Hold
}

const requestIdForm = /^[\w.-]{1,64}$/
/** Of agents and sessions: what goes on record must not be able to be anything else than a name. */
const nameForm = /^[\w.:@/-]{1,128}$/

export function createArrive(current: () => Snapshot, clock: Clock) {
  const freshId = createIds()
  const trace = createTraces()
  return (head: RequestHead): IncomingRequest => {
    const snapshot = current()
    const { requestId, agent, session } = head
    const lease = freshId()
    return {
      id: requestId !== undefined && isPresentable(requestId) ? requestId : lease,
      lease,
      trace: trace(head.traceparent),
      agent: agent !== undefined && nameForm.test(agent) ? agent : undefined,
      session: session !== undefined && nameForm.test(session) ? session : undefined,
      peer: head.peer,
      snapshot,
      dialect: head.dialect,
      route: head.route,
      arrivedAtMs: clock.monotonicMs(),
      rawHeaders: head.rawHeaders,
      certificate: head.certificate,
      cancellation: head.cancellation,
      hold: head.hold,
      budget: { leftMs: snapshot.policy.store.timeoutMs },
      guardWork: new GuardWork(snapshot.policy.guardBudget),
    }
  }
}

/** It goes on record as it is, so it must not be what a record masks. */
function isPresentable(requestId: string): boolean {
  return requestIdForm.test(requestId) && findSensitive(requestId).length === 0
}

/** Unique, not secret: a random start per process, then counted. */
function createIds(): () => string {
  const prefix = randomHex(9)
  let count = 0
  return () => `${prefix}-${(count++).toString(36)}`
}
