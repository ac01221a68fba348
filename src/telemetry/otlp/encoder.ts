/**
 * Spans and metrics in the JSON of OTLP. Written here rather than by OpenTelemetry's packages, which take five times as long
 * (src/README.md), and whose exporters read `OTEL_…` variables, headers among them.
 */
import { Histograms, type SeriesAttributes } from './histograms.ts'
import { AttributeWriter, quoted, unixNanos } from './json.ts'
import { type HistogramName, schemaUrl } from './names.ts'
import type { FinishedSpan } from './span.ts'

/** What spans and metrics say of the process that they come from. */
export interface ServiceInstance {
  readonly version: string
  /** Another one for each process and start. */
  readonly instance: string
}

/** Spans and metrics in the form of OTLP. */
export interface OtlpEncoder {
  /** Writes a request for `/v1/traces`. */
  traces(spans: readonly FinishedSpan[]): Uint8Array
  /** Counts a value in a histogram. */
  record(name: HistogramName, value: number, of: SeriesAttributes): void
  /** Writes a request for `/v1/metrics`; undefined: nothing was counted yet. */
  metrics(): Uint8Array | undefined
}

/** Attributes of spans that are new each time. */
const unlike = ['torwart.request.id', 'gen_ai.conversation.id']

/** Makes an encoder with empty histograms. */
export function createOtlpEncoder({ version, instance }: ServiceInstance): OtlpEncoder {
  const attributes = new AttributeWriter(unlike)
  const histograms = new Histograms(Date.now())
  const service = attributes.list({
    'service.name': 'torwart',
    'service.version': version,
    'service.instance.id': instance,
  })
  const scope = `"scope":{"name":"torwart","version":${quoted(version)}},"schemaUrl":"${schemaUrl}"`
  const headOf = (of: 'Spans' | 'Metrics') =>
    `{"resource${of}":[{"resource":{"attributes":${service}},"scope${of}":[{${scope},"${of.toLowerCase()}":[`
  const [headOfSpans, headOfMetrics] = [headOf('Spans'), headOf('Metrics')]
  return {
    traces: (spans) => bytesOf(headOfSpans, spans, (span) => spanOf(span, attributes)),
    record: (name, value, of) => histograms.record(name, value, of),
    metrics() {
      const metrics = histograms.write(Date.now(), attributes)
      return metrics.length === 0 ? undefined : bytesOf(headOfMetrics, metrics, (metric) => metric)
    },
  }
}

/** Characters of a text that are turned into bytes at once: strings above 128 KiB are costly to make. */
const maxPiece = 32 * 1024

/** @param items of the list that ends the document @param write must write only ASCII */
function bytesOf<T>(head: string, items: readonly T[], write: (item: T) => string): Uint8Array {
  const pieces: Buffer[] = []
  let text = head
  let separator = ''
  for (const item of items) {
    text += separator + write(item)
    separator = ','
    if (text.length < maxPiece) continue
    pieces.push(Buffer.from(text, 'latin1'))
    text = ''
  }
  pieces.push(Buffer.from(`${text}]}]}]}`, 'latin1'))
  return Buffer.concat(pieces)
}

/** Values of `SpanKind`. */
const kinds = { internal: 1, server: 2, client: 3 } as const
/** `SpanFlags`: sampled, and whether it is known that the parent is elsewhere, and whether it is. */
const [sampled, knowsParent, parentIsRemote] = [1, 0x100, 0x200]
/** Values of `Status.StatusCode`. */
const [unset, error] = [0, 2]

/** What ends a span: few pieces make a text that is quickly put together. */
const ends = [false, true].map((isRemote) =>
  [unset, error].map(
    (code) =>
      `,"status":{"code":${code}},"flags":${sampled | knowsParent | (isRemote ? parentIsRemote : 0)}}`,
  ),
)

function spanOf(span: FinishedSpan, attributes: AttributeWriter): string {
  const { name, kind, traceId, spanId, parent, fromMs, toMs, failed } = span
  const parentId = parent === undefined ? '' : `","parentSpanId":"${parent.spanId}`
  const end = ends[parent?.isRemote === true ? 1 : 0]?.[failed ? 1 : 0]
  return `{"kind":${kinds[kind]},"traceId":"${traceId}","spanId":"${spanId}${parentId}","name":${attributes.kept(name)},"startTimeUnixNano":"${unixNanos(fromMs)}","endTimeUnixNano":"${unixNanos(toMs)}","attributes":${attributes.list(span.attributes)}${end}`
}
