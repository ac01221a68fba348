/**
 * Makes the context of a request. The only place that asks for the current policy: whatever happens later, this
 * request sees this one.
 */
import type { ShownCertificate } from '../../auth/mtls/certificate.ts'
import type { Clock } from '../../core/clock.ts'
import type { Hold } from '../../core/held-bytes.ts'
import { randomHex } from '../../core/random.ts'
import { findSensitive } from '../../detect/sensitive/mask.ts'
import type { Dialect } from '../../dialects/dialect.ts'
import type { Cancellation } from '../cancellation.ts'
import type { RequestContext, Snapshot } from '../context.ts'
import { GuardWork } from '../guard-work.ts'
import { Timeline } from '../timeline.ts'
import { createTraces } from '../trace.ts'

/** What is known of a request when its head has arrived. */
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

/** Makes the context of a request whose head has arrived. */
export type Receive = (head: RequestHead) => RequestContext

/** @param current what is in force */
export function createReceive(current: () => Snapshot, clock: Clock): Receive {
  const [freshId, trace] = [createIds(), createTraces()]
  return (head) => {
    const { policy, keys } = current()
    const [lease, inTrace] = [freshId(), trace(head.traceparent, policy.telemetry.otlp !== undefined)]
    return {
      id: isPresentable(head.requestId) ? head.requestId : lease,
      lease,
      trace: inTrace,
      timeline: policy.telemetry.otlp && inTrace.sampled ? new Timeline() : undefined,
      agent: namedBy(head.agent),
      session: namedBy(head.session),
      peer: head.peer,
      policy,
      keys,
      dialect: head.dialect,
      route: head.route,
      arrivedAtMs: clock.monotonicMs(),
      rawHeaders: head.rawHeaders,
      certificate: head.certificate,
      cancellation: head.cancellation,
      hold: head.hold,
      storeBudget: { leftMs: policy.store.timeoutMs },
      guardWork: new GuardWork(policy.guardBudget),
      would: new Set(),
      // What later steps fill.
      identity: undefined,
      role: undefined,
      token: undefined,
      person: undefined,
      entry: undefined,
      admission: undefined,
      endpoint: undefined,
      prompt: undefined,
      model: undefined,
      others: undefined,
      target: undefined,
      outgoing: undefined,
      spotlighting: undefined,
      canary: undefined,
      claim: undefined,
      reservation: undefined,
      weight: undefined,
      slotWaitMs: undefined,
      findings: undefined,
      guards: undefined,
      opinion: undefined,
      resultFindings: undefined,
      resultGuards: undefined,
      responseGuard: undefined,
      toolCalls: undefined,
      upstream: undefined,
      upstreamWaitMs: undefined,
      work: undefined,
      passThrough: undefined,
      recordedPrompt: undefined,
      isCharged: undefined,
      isSettled: undefined,
    }
  }
}

/** It goes on record as it is, so it must not be what a record masks. */
function isPresentable(requestId: string | undefined): requestId is string {
  return requestId !== undefined && requestIdForm.test(requestId) && findSensitive(requestId).length === 0
}

/** Unique, not secret: a random start per process, then counted. */
function createIds(): () => string {
  const prefix = randomHex(9)
  let count = 0
  return () => `${prefix}-${(count++).toString(36)}`
}

function namedBy(header: string | undefined): string | undefined {
  return header !== undefined && nameForm.test(header) ? header : undefined
}
