/**
 * Settles a request once, whatever ended it: tells the limit store, writes one audit record, counts metrics.
 */
import type { AuditLog } from '../../audit/write/log.ts'
import type { PlacedPrompt, RecordedText } from '../../audit/write/record.ts'
import type { Clock } from '../../core/clock.ts'
import { describeError, Refusal } from '../../core/refusal.ts'
import type { Log } from '../../telemetry/log.ts'
import type { Metrics } from '../../telemetry/metrics.ts'
import { extend, type RequestContext } from '../context.ts'
import type { Ending } from '../ending.ts'
import { type RecordPrompt, toContent, toRecord, withoutTexts } from './audit-record.ts'
import type { Charge } from './charge.ts'
import type { FailureKind, LoginFailures } from './login-failures.ts'
import { createMeasure } from './measure.ts'
import type { RequestObservers } from './observers.ts'
import type { RecordedPrompt } from './recorded-texts.ts'

/** What it takes to settle requests. */
export interface SettleParts {
  readonly audit: AuditLog
  readonly recordPrompt: RecordPrompt
  readonly charge: Charge
  readonly loginFailures: LoginFailures
  readonly observers: RequestObservers
  readonly metrics: Metrics
  readonly log: Log
  readonly clock: Clock
}

/**
 * Charges the request and puts it on record; resolves when it is there. Does nothing if that was done.
 * @throws Refusal `audit_unavailable` if it cannot be recorded
 */
export type Settle = (context: RequestContext, ending: Ending) => Promise<void>

/** Makes the last step of every request. */
export function createSettle({
  audit,
  recordPrompt,
  charge,
  loginFailures,
  observers,
  metrics,
  log,
  clock,
}: SettleParts): Settle {
  const recordOf = createRecordOf(recordPrompt, { metrics, log })
  const measure = createMeasure(metrics, clock)

  return async (context, ending) => {
    // What could not be recorded is not tried again under another ending.
    if (context.isSettled) return
    extend(context, { isSettled: true })
    const { id, identity, peer } = context
    const totalMs = clock.monotonicMs() - context.arrivedAtMs
    if (ending.kind === 'cut' && ending.refusal.status >= 500) {
      const { code, detail, cause } = ending.refusal
      log.error({ id, code, detail, cause: describeError(cause) }, 'answer cut')
    }
    charge(context, ending)
    tellRequest(log, context, ending, totalMs)
    const unavailable = ending.kind === 'refused' && ending.refusal.code === 'audit_unavailable'
    if (!identity && !unavailable && !loginFailures.recordsAlone(peer, failureKindOf(ending)))
      return measure(context, ending, totalMs)
    try {
      const wallMs = clock.wallMs()
      const { record, content, written } = recordOf(context, ending, wallMs, totalMs)
      await audit.append(record, content)
      observers.tell({ record, endedAtMs: wallMs, content, written, context, ending })
    } catch (cause) {
      metrics.auditFailures.inc()
      const refusal = new Refusal('audit_unavailable', { cause, retryAfterSeconds: 1 })
      measure(context, { kind: 'refused', refusal }, totalMs)
      throw refusal
    }
    measure(context, ending, totalMs)
    metrics.auditRecords.inc({ ending: ending.kind })
  }
}

/** Makes what makes records. A fault in the masker must not cost the record, only its texts. */
function createRecordOf(recordPrompt: RecordPrompt, { metrics, log }: Pick<SettleParts, 'metrics' | 'log'>) {
  const orWithout = <T>(
    context: RequestContext,
    make: () => T,
    without: (recorded: RecordedPrompt) => T,
  ): T => {
    try {
      return make()
    } catch (error) {
      metrics.guardFailures.inc({ guard: 'mask' })
      log.error(
        { id: context.id, cause: describeError(error) },
        'cannot mask texts; they are left out of the audit record',
      )
      return without(withoutTexts(context))
    }
  }
  return (context: RequestContext, ending: Ending, wallMs: number, totalMs: number) => {
    const made = (recorded: RecordedPrompt) => ({
      record: toRecord(context, ending, recorded, wallMs, totalMs),
      content: toContent(context, ending, recorded),
    })
    const whole = () => made(context.recordedPrompt ?? recordPrompt(context))
    const { record, content } = orWithout(context, whole, made)
    const { prompt } = content
    if (prompt === null) return { record, content, written: () => [] }
    let written: readonly RecordedText[] = []
    const placed: PlacedPrompt = (place) => {
      written = orWithout(
        context,
        () => prompt(place),
        ({ texts }) => texts?.prompt(place) ?? [],
      )
      return written
    }
    return { record, content: { ...content, prompt: placed }, written: () => written }
  }
}

/** Whoever was refused wanted something. */
function failureKindOf(ending: Ending): FailureKind {
  return ending.kind === 'refused' ? 'login' : 'probe'
}

/** One line a request, for those who want it; of what a caller said, only a model that a server lists. */
function tellRequest(log: Log, context: RequestContext, ending: Ending, totalMs: number): void {
  if (!log.isLevelEnabled('debug')) return
  const { model, target } = context
  const refusal = 'refusal' in ending ? ending.refusal : undefined
  const answer = 'answer' in ending ? ending.answer : undefined
  log.debug(
    {
      id: context.id,
      route: context.route,
      status: answer?.status ?? refusal?.status ?? null,
      outcome: refusal?.code ?? ending.kind,
      caller: context.identity?.id ?? null,
      model: target?.listed ? (model?.served ?? null) : null,
      ms: Math.round(totalMs),
      peer: context.peer,
    },
    'request',
  )
}
