/** The metrics of the GenAI conventions, counted from finished requests. Attributes take their values from closed sets only. */
import { attribute, type HistogramName } from '../../telemetry/otlp/names.ts'
import type { SpanAttributes } from '../../telemetry/otlp/span.ts'
import type { SettledRequest } from '../finish/observers.ts'
import { labelsOf } from '../labels.ts'
import { endpointOf, operationOf, providerOf } from './operation.ts'

/** Counts one value. */
export type Count = (name: HistogramName, value: number, attributes: SpanAttributes) => void

/** Counts a request that asked a model for something. */
export function countGenAi({ context, record, ending }: SettledRequest, count: Count): void {
  const operation = operationOf(endpointOf(context))
  if (operation === undefined) return
  const { model } = labelsOf(context)
  const of: SpanAttributes = {
    [attribute.operation]: operation,
    [attribute.provider]: providerOf(context),
    [attribute.requestModel]: model === 'none' ? undefined : model,
  }
  const withError: SpanAttributes = { ...of, [attribute.errorType]: record.ending.code ?? undefined }
  count('requestSeconds', record.timing.totalMs / 1000, withError)
  const { work } = context
  if (work) count('upstreamSeconds', work.ms / 1000, withError)
  if (record.usage) {
    count('tokens', record.usage.input, { ...of, [attribute.tokenType]: 'input' })
    count('tokens', record.usage.output, { ...of, [attribute.tokenType]: 'output' })
  }
  const firstTokenMs = ending.kind === 'answered' ? ending.answer.firstTokenMs : undefined
  if (firstTokenMs !== undefined) count('firstTokenSeconds', firstTokenMs / 1000, of)
}
