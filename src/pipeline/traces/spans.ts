/**
 * The spans of a request that is over. One for the request, with what the conventions say of a GenAI operation; below it
 * one for each wait in a queue, the reading of the prompt, each model server that was tried, each approval. They are made
 * from the record, so a trace says nothing that is not on record.
 */
import { randomHex } from '../../core/random.ts'
import type { FinishedSpan, SpanAttributes } from '../../telemetry/otlp/span.ts'
import type { SettledRequest } from '../finish/observers.ts'
import type { Part, Timeline } from '../timeline.ts'
import { contentOf } from './content.ts'
import { endpointOf, operationOf, providerOf } from './operation.ts'

/** Of findings, approvals and the like, as an attribute. */
const maxListed = 32

/**
 * Makes the spans of a request.
 * @param withContent whether they carry the masked texts of the record
 * @returns none if its trace is not exported
 */
export function spansOf(settled: SettledRequest, withContent: boolean): FinishedSpan[] {
  const { context, record, endedAtMs: toMs } = settled
  const { timeline, trace } = context
  if (!timeline) return []
  const traceId = trace.onward.slice(3, 35)
  const fromMs = toMs - record.timing.totalMs
  const shownParts = partsOf(timeline, settled)
  const asked = shownParts.findLast(({ name }) => name === 'upstream')
  // The span that the model server was told of is the one in which it was asked.
  const spanId = asked ? randomHex(8) : trace.span
  const callerSpan = trace.traceparent === trace.onward ? undefined : trace.traceparent.slice(36, 52)
  const toEpoch = (ms: number) => Math.min(toMs, Math.max(fromMs, fromMs + ms - context.arrivedAtMs))
  const whole: FinishedSpan = {
    name: nameOf(settled),
    kind: 'server',
    traceId,
    spanId,
    parent: callerSpan === undefined ? undefined : { spanId: callerSpan, isRemote: true },
    fromMs,
    toMs,
    failed: record.ending.code !== null,
    attributes: withContent
      ? { ...aboutRequest(settled, timeline), ...contentOf(settled) }
      : aboutRequest(settled, timeline),
  }
  let tries = 0
  const parts = shownParts.map((part): FinishedSpan => {
    const isUpstream = part.name === 'upstream'
    const about = isUpstream ? upstream(part, tries++, part === asked, settled) : aboutPart(part, settled)
    return {
      name: part.name,
      kind: isUpstream ? 'client' : 'internal',
      traceId,
      spanId: part === asked ? trace.span : randomHex(8),
      parent: { spanId, isRemote: false },
      fromMs: toEpoch(part.fromMs),
      toMs: part.toMs === undefined ? toMs : toEpoch(part.toMs),
      failed: about['error.type'] !== undefined,
      attributes: about,
    }
  })
  return [whole, ...parts]
}

/** A guard that is off reads nothing. */
function partsOf({ parts }: Timeline, { context: { role } }: SettledRequest): readonly Part[] {
  return role?.promptGuard.mode === 'off' ? parts.filter(({ name }) => name !== 'guards') : parts
}

/** Names are of few kinds: a model only if a server lists it. */
function nameOf({ context, record }: SettledRequest): string {
  const endpoint = endpointOf(context)
  const operation = operationOf(endpoint)
  if (operation === undefined) return endpoint ? `${endpoint.method} ${record.route}` : record.route
  return context.target?.listed && record.model ? `${operation} ${record.model.asked}` : operation
}

function aboutRequest(
  { context, record, content, ending }: SettledRequest,
  { omitted }: Timeline,
): SpanAttributes {
  const { identity, findings, model, usage, timing } = record
  const endpoint = endpointOf(context)
  const operation = operationOf(endpoint)
  const answer = 'answer' in ending ? ending.answer : undefined
  const firstTokenMs = answer?.firstTokenMs
  const isGenAi = operation !== undefined
  const { code, kind, status } = record.ending
  // One literal with all names, which V8 makes many times faster than one that is put together.
  return {
    'gen_ai.operation.name': operation,
    'gen_ai.provider.name': isGenAi ? providerOf(context) : undefined,
    'gen_ai.request.model': isGenAi ? model?.asked : undefined,
    'gen_ai.response.model': isGenAi && answer ? (model?.served ?? undefined) : undefined,
    'gen_ai.request.stream': isGenAi ? context.prompt?.stream : undefined,
    'gen_ai.conversation.id': content.session ?? undefined,
    'gen_ai.usage.input_tokens': usage?.input,
    'gen_ai.usage.output_tokens': usage?.output,
    'gen_ai.response.time_to_first_chunk': firstTokenMs === undefined ? undefined : firstTokenMs / 1000,
    'http.request.method': endpoint?.method,
    'http.route': record.route,
    'http.response.status_code': status ?? undefined,
    'error.type': code ?? undefined,
    'torwart.request.id': record.id,
    'torwart.outcome': code ?? kind,
    'torwart.ending': kind,
    'torwart.policy.version': record.policy,
    'torwart.dialect': record.dialect,
    'torwart.upstream': record.upstream ?? undefined,
    'torwart.model.digest': model?.digest ?? undefined,
    'torwart.role': identity?.role,
    'torwart.caller.kind': identity?.kind,
    'torwart.caller.id': identity?.id,
    'torwart.findings.count': findings.length,
    'torwart.findings.categories': listed(categoriesOf(findings)),
    'torwart.approval.ids': listed(record.approvals.map(({ id }) => id)),
    'torwart.guard.seconds': timing.guardMs / 1000,
    'torwart.queue.seconds': timing.queuedMs / 1000,
    'torwart.spans.omitted': omitted === 0 ? undefined : omitted,
  }
}

function categoriesOf(findings: SettledRequest['record']['findings']): readonly string[] {
  return findings.length === 0 ? [] : [...new Set(findings.map(({ category }) => category))]
}

function listed(values: readonly string[]): readonly string[] | undefined {
  return values.length === 0 ? undefined : values.slice(0, maxListed)
}

function aboutPart(part: Part, { context }: SettledRequest): SpanAttributes {
  if (part.name === 'queue') return { 'torwart.queue': part.of }
  if (part.name !== 'guards') return {}
  return {
    'torwart.findings.count': context.findings?.length,
    'torwart.guard.questions': context.opinion?.asked,
  }
}

function upstream(part: Part, tries: number, isLast: boolean, settled: SettledRequest): SpanAttributes {
  const { context, record } = settled
  const status = part.status ?? context.work?.status ?? 0
  const isFault = record.ending.code?.startsWith('upstream_') ?? false
  return {
    'torwart.upstream': part.of,
    'http.response.status_code': status === 0 ? undefined : status,
    'http.request.resend_count': tries === 0 ? undefined : tries,
    // Another one was tried only because this one had failed.
    'error.type': isLast && !isFault ? undefined : (record.ending.code ?? 'upstream_failed'),
  }
}
