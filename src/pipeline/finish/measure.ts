/** Counts a request that is over. */
import type { Clock } from '../../core/clock.ts'
import type { CallerLabelValues } from '../../telemetry/caller-labels.ts'
import type { Metrics, TracedMetric } from '../../telemetry/metrics.ts'
import type { RequestContext } from '../context.ts'
import type { Ending } from '../ending.ts'
import { callerLabels, type Labels, labelsOf } from '../labels.ts'

/** Counts a request. @param totalMs how long it took */
export type Measure = (context: RequestContext, ending: Ending, totalMs: number) => void

/** Makes what counts requests. */
export function createMeasure(metrics: Metrics, clock: Pick<Clock, 'wallMs'>): Measure {
  return (context, ending, totalMs) => {
    const { route, outgoing, identity } = context
    const caller = callerLabels(metrics, identity)
    const labels = withRole(labelsOf(context), caller)
    const traceparent = tracedBy(metrics, context)
    const observe = (name: TracedMetric, ms: number) => {
      const value = ms / 1000
      metrics[name].observe(labels, value)
      if (traceparent !== undefined)
        metrics.exemplars.observe(name, labels, { value, traceparent, atMs: clock.wallMs() })
    }
    const outcome = ending.kind === 'refused' ? ending.refusal.code : ending.kind
    metrics.requests.inc({ route, outcome, ...caller })
    observe('requestSeconds', totalMs)
    for (const code of context.would) metrics.wouldRefuse.inc({ code })
    if (outgoing && outgoing.dropped.length > 0) metrics.droppedFields.inc({ route }, outgoing.dropped.length)
    if (ending.kind === 'refused') {
      if (ending.refusal.status === 429) metrics.limitRejections.inc({ limit: ending.refusal.code })
      return
    }
    const { answer } = ending
    const generates = outgoing !== undefined && outgoing.outputTokens > 0
    if (generates && answer?.firstTokenMs !== undefined) observe('firstTokenSeconds', answer.firstTokenMs)
    if (answer?.usage && outgoing) {
      const { model } = labels
      metrics.tokens.inc({ model, direction: 'input', ...caller }, answer.usage.input)
      metrics.tokens.inc({ model, direction: 'output', ...caller }, answer.usage.output)
    }
  }
}

function withRole(labels: Labels, { role }: CallerLabelValues): Labels & { readonly role?: string } {
  const { route, model } = labels
  return role === undefined ? labels : { route, model, role }
}

/** @returns `traceparent` of a trace that someone keeps; never a stranger's, who could write anything there */
function tracedBy({ exemplars }: Metrics, { identity, trace }: RequestContext): string | undefined {
  return exemplars.wanted && identity && trace.sampled ? trace.traceparent : undefined
}
