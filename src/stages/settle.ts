/**
 * Stage 11: once for every request, whatever ended it: one audit record, the reservation given back, metrics.
 */
import type { AuditLog } from '../audit/log.ts'
import type { Clock } from '../core/clock.ts'
import { describeError, Refusal } from '../core/refusal.ts'
import type { Store } from '../limits/store.ts'
import type { Log } from '../telemetry/log.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import type { Answer, Course, Ending } from './exchange.ts'
import type { Flood } from './flood.ts'
import { type RecordedPrompt, type RecordPrompt, toRecord, withoutTexts } from './record.ts'
import { inputTokens } from './reserve.ts'

export interface SettleOptions {
  readonly audit: AuditLog
  readonly recordPrompt: RecordPrompt
  readonly store: Store
  readonly flood: Flood
  readonly metrics: Metrics
  readonly log: Log
  readonly clock: Clock
}

/** Resolves when the request is on record. @throws Refusal `audit_unavailable` if it cannot be */
export type Settle = (course: Course, ending: Ending, prompt?: RecordedPrompt) => Promise<void>

export function createSettle({
  audit,
  recordPrompt,
  store,
  flood,
  metrics,
  log,
  clock,
}: SettleOptions): Settle {
  const giveBack = (course: Course, ending: Ending) => {
    const claim = course.reserved?.claim
    if (!claim) return
    store.settle(claim, spentTokens(course, ending)).catch((error: unknown) => {
      log.warn(
        { id: course.arrival.id, cause: describeError(error) },
        'a reservation could not be settled; it runs out by itself',
      )
    })
  }

  /** A fault in the masker must not cost the record, only its texts. */
  const recordOf = (course: Course, ending: Ending, prompt: RecordedPrompt | undefined, totalMs: number) => {
    const wallMs = clock.wallMs()
    try {
      return toRecord(course, ending, prompt ?? recordPrompt(course), wallMs, totalMs)
    } catch (error) {
      metrics.guardFailures.inc({ guard: 'mask' })
      log.error(
        { id: course.arrival.id, cause: describeError(error) },
        'texts cannot be masked, and are left out',
      )
      return toRecord(course, ending, withoutTexts(course), wallMs, totalMs)
    }
  }

  return async (course, ending, prompt) => {
    // What could not be recorded is not tried again under another ending.
    if (course.settled) return
    course.settled = true
    const { arrival, caller } = course
    const totalMs = clock.monotonicMs() - arrival.arrivedAtMs
    giveBack(course, ending)
    const unavailable = ending.kind === 'refused' && ending.refusal.code === 'audit_unavailable'
    if (!caller && !unavailable && !flood.recordsAlone(arrival.peer))
      return measure(metrics, course, ending, totalMs)
    try {
      await audit.append(recordOf(course, ending, prompt, totalMs))
    } catch (cause) {
      metrics.auditFailures.inc()
      const refusal = new Refusal('audit_unavailable', { cause, retryAfterSeconds: 1 })
      measure(metrics, course, { kind: 'refused', refusal }, totalMs)
      throw refusal
    }
    measure(metrics, course, ending, totalMs)
    metrics.auditRecords.inc({ ending: ending.kind })
  }
}

function measure(metrics: Metrics, { arrival, call }: Course, ending: Ending, totalMs: number): void {
  const outcome = ending.kind === 'refused' ? ending.refusal.code : ending.kind
  metrics.requests.inc({ route: arrival.route, outcome })
  metrics.requestSeconds.observe(totalMs / 1000)
  if (call && call.outgoing.dropped.length > 0)
    metrics.droppedFields.inc({ route: arrival.route }, call.outgoing.dropped.length)
  if (ending.kind === 'refused') {
    if (ending.refusal.status === 429) metrics.limitRejections.inc({ limit: ending.refusal.code })
    return
  }
  const { answer } = ending
  if (answer?.firstByteMs !== undefined) metrics.firstTokenSeconds.observe(answer.firstByteMs / 1000)
  if (answer?.usage && call) {
    // A name that no server lists is only what somebody wrote.
    const model = call.target.listed ? call.model.served : 'other'
    metrics.tokens.inc({ model, direction: 'input' }, answer.usage.input)
    metrics.tokens.inc({ model, direction: 'output' }, answer.usage.output)
  }
}

const charactersPerToken = 4

function generatedCharacters(answer: Answer | undefined): number {
  if (!answer) return 0
  return answer.toolCalls.reduce(
    (sum, call) => sum + call.name.length + call.arguments.length,
    answer.text.length,
  )
}

/** What the model server says it was; where it says nothing, an estimate of what was read and generated. */
function spentTokens({ call, upstream }: Course, ending: Ending): number {
  // Nothing was brought to a model: it was refused, or left while it waited.
  if (!call || !upstream) return 0
  // The model was at work all that time.
  if (ending.kind === 'refused') return ending.refusal.code === 'upstream_timeout' ? inputTokens(call) : 0
  const { answer } = ending
  // A server that counts nothing says zero (LocalAI, in several places), which must not make its models free.
  const input = answer?.usage?.input || inputTokens(call)
  return input + (answer?.usage?.output || Math.ceil(generatedCharacters(answer) / charactersPerToken))
}
