/**
 * Stage 11: once for every request, whatever ended it: the limit store is told, one audit record, metrics.
 */
import type { AuditLog } from '../../audit/write/log.ts'
import type { Clock } from '../../core/clock.ts'
import { describeError, Refusal } from '../../core/refusal.ts'
import type { Log } from '../../telemetry/log.ts'
import type { Metrics } from '../../telemetry/metrics.ts'
import type { Ending, RequestContext } from '../context.ts'
import { labelsOf } from '../labels.ts'
import { type RecordedPrompt, type RecordPrompt, toContent, toRecord, withoutTexts } from './audit-record.ts'
import type { AccountFor } from './charge.ts'
import type { Flood, FloodKind } from './login-failures.ts'

export interface SettleOptions {
  readonly audit: AuditLog
  readonly recordPrompt: RecordPrompt
  readonly account: AccountFor
  readonly flood: Flood
  readonly metrics: Metrics
  readonly log: Log
  readonly clock: Clock
}

/** Resolves when the request is on record. @throws Refusal `audit_unavailable` if it cannot be */
export type Settle = (context: RequestContext, ending: Ending, prompt?: RecordedPrompt) => Promise<void>

export function createSettle({
  audit,
  recordPrompt,
  account,
  flood,
  metrics,
  log,
  clock,
}: SettleOptions): Settle {
  /** A fault in the masker must not cost the record, only its texts. */
  const recordOf = (
    context: RequestContext,
    ending: Ending,
    prompt: RecordedPrompt | undefined,
    totalMs: number,
  ) => {
    const wallMs = clock.wallMs()
    const made = (recorded: RecordedPrompt) => ({
      record: toRecord(context, ending, recorded, wallMs, totalMs),
      content: toContent(context, ending, recorded),
      texts: recorded.texts,
    })
    try {
      return made(prompt ?? recordPrompt(context))
    } catch (error) {
      metrics.guardFailures.inc({ guard: 'mask' })
      log.error(
        { id: context.incoming.id, cause: describeError(error) },
        'cannot mask texts; they are left out of the audit record',
      )
      return made(withoutTexts(context))
    }
  }

  return async (context, ending, prompt) => {
    // What could not be recorded is not tried again under another ending.
    if (context.settled) return
    context.settled = true
    const { incoming, caller } = context
    const totalMs = clock.monotonicMs() - incoming.arrivedAtMs
    if (ending.kind === 'cut' && ending.refusal.status >= 500) {
      const { code, detail, cause } = ending.refusal
      log.error({ id: incoming.id, code, detail, cause: describeError(cause) }, 'answer cut')
    }
    account(context, ending)
    tellRequest(log, context, ending, totalMs)
    const unavailable = ending.kind === 'refused' && ending.refusal.code === 'audit_unavailable'
    if (!caller && !unavailable && !flood.recordsAlone(incoming.peer, floodKindOf(ending)))
      return measure(metrics, context, ending, totalMs)
    try {
      const { record, content, texts } = recordOf(context, ending, prompt, totalMs)
      await audit.append(record, content)
      texts?.written()
    } catch (cause) {
      metrics.auditFailures.inc()
      const refusal = new Refusal('audit_unavailable', { cause, retryAfterSeconds: 1 })
      measure(metrics, context, { kind: 'refused', refusal }, totalMs)
      throw refusal
    }
    measure(metrics, context, ending, totalMs)
    metrics.auditRecords.inc({ ending: ending.kind })
  }
}

/** Whoever was refused wanted something. */
function floodKindOf(ending: Ending): FloodKind {
  return ending.kind === 'refused' ? 'login' : 'probe'
}

/** One line a request, for those who want it; of what a caller said, only a model that a server lists. */
function tellRequest(
  log: Log,
  { incoming, caller, call }: RequestContext,
  ending: Ending,
  totalMs: number,
): void {
  if (!log.isLevelEnabled('debug')) return
  const refusal = 'refusal' in ending ? ending.refusal : undefined
  const answer = 'answer' in ending ? ending.answer : undefined
  log.debug(
    {
      id: incoming.id,
      route: incoming.route,
      status: answer?.status ?? refusal?.status ?? null,
      outcome: refusal?.code ?? ending.kind,
      caller: caller?.identity.id ?? null,
      model: call?.target.listed ? call.model.served : null,
      ms: Math.round(totalMs),
      peer: incoming.peer,
    },
    'request',
  )
}

function measure(metrics: Metrics, context: RequestContext, ending: Ending, totalMs: number): void {
  const { incoming, call } = context
  const labels = labelsOf(context)
  const outcome = ending.kind === 'refused' ? ending.refusal.code : ending.kind
  metrics.requests.inc({ route: incoming.route, outcome })
  metrics.requestSeconds.observe(labels, totalMs / 1000)
  if (call && call.outgoing.dropped.length > 0)
    metrics.droppedFields.inc({ route: incoming.route }, call.outgoing.dropped.length)
  if (ending.kind === 'refused') {
    if (ending.refusal.status === 429) metrics.limitRejections.inc({ limit: ending.refusal.code })
    return
  }
  const { answer } = ending
  const generates = call !== undefined && call.outgoing.outputTokens > 0
  if (generates && answer?.firstTokenMs !== undefined)
    metrics.firstTokenSeconds.observe(labels, answer.firstTokenMs / 1000)
  if (answer?.usage && call) {
    const { model } = labels
    metrics.tokens.inc({ model, direction: 'input' }, answer.usage.input)
    metrics.tokens.inc({ model, direction: 'output' }, answer.usage.output)
  }
}
