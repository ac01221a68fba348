/** The metrics of the GenAI conventions, counted from finished requests. Attributes take their values from closed sets only. */
import type { SeriesAttributes } from '../../telemetry/otlp/histograms.ts'
import { attribute, type HistogramName } from '../../telemetry/otlp/names.ts'
import type { SpanAttributes } from '../../telemetry/otlp/span.ts'
import type { SettledRequest } from '../finish/observers.ts'
import { labelsOf } from '../labels.ts'
import { endpointOf, operationOf, providerOf } from './operation.ts'

/** Counts one value. */
export type Count = (name: HistogramName, value: number, of: SeriesAttributes) => void

/** The attributes of requests of one sort: with how they failed, without, and with the kind of token. */
interface Attributes {
  readonly ended: SeriesAttributes
  readonly plain: SeriesAttributes
  readonly input: SeriesAttributes
  readonly output: SeriesAttributes
}

/** Sorts of requests whose attributes are kept; made anew, they are the same. */
const maxKept = 1000

/** Makes what counts requests that asked a model for something. */
export function createGenAiCounter(count: Count): (settled: SettledRequest) => void {
  const kept = new Map<string, Attributes>()
  const attributesOf = (...sort: Sort): Attributes => {
    const key = sort.join(' ')
    let attributes = kept.get(key)
    if (attributes === undefined) {
      attributes = makeAttributes(...sort)
      if (kept.size >= maxKept) kept.clear()
      kept.set(key, attributes)
    }
    return attributes
  }
  return ({ context, record, ending }) => {
    const operation = operationOf(endpointOf(context))
    if (operation === undefined) return
    const { model } = labelsOf(context)
    const of = attributesOf(operation, providerOf(context), record.ending.code ?? '', model)
    count('requestSeconds', record.timing.totalMs / 1000, of.ended)
    const { work } = context
    if (work) count('upstreamSeconds', work.ms / 1000, of.ended)
    if (record.usage) {
      count('tokens', record.usage.input, of.input)
      count('tokens', record.usage.output, of.output)
    }
    const firstTokenMs = ending.kind === 'answered' ? ending.answer.firstTokenMs : undefined
    if (firstTokenMs !== undefined) count('firstTokenSeconds', firstTokenMs / 1000, of.plain)
  }
}

/** The names of models may have a space in them, so they are last. */
type Sort = readonly [operation: string, provider: string, error: string, model: string]

function makeAttributes(...[operation, provider, error, model]: Sort): Attributes {
  const of: SpanAttributes = {
    [attribute.operation]: operation,
    [attribute.provider]: provider,
    [attribute.requestModel]: model === 'none' ? undefined : model,
  }
  const key = `${operation} ${provider} ${model}`
  const made = (what: string, more: SpanAttributes): SeriesAttributes => ({
    key: `${what} ${key}`,
    attributes: { ...of, ...more },
  })
  return {
    ended: made(error, { [attribute.errorType]: error === '' ? undefined : error }),
    plain: made('', {}),
    input: made('input', { [attribute.tokenType]: 'input' }),
    output: made('output', { [attribute.tokenType]: 'output' }),
  }
}
