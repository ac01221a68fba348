/**
 * Everything that needs OpenTelemetry's packages: the form of spans and metrics in OTLP, and the histograms. Loaded only
 * where the policy has `telemetry.otlp`. The packages' own exporters are not used, because they read `OTEL_…` variables,
 * headers among them; nothing here touches global state of theirs.
 */
import { type Histogram, SpanKind, SpanStatusCode, TraceFlags } from '@opentelemetry/api'
import { JsonMetricsSerializer, JsonTraceSerializer } from '@opentelemetry/otlp-transformer'
import { type Resource, resourceFromAttributes } from '@opentelemetry/resources'
import { AggregationType, MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics'
import { type HistogramName, histograms, schemaUrl } from './names.ts'
import type { FinishedSpan, SpanAttributes } from './span.ts'

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
  record(name: HistogramName, value: number, attributes: SpanAttributes): void
  /** Writes a request for `/v1/metrics`; undefined: nothing was counted yet. */
  metrics(): Promise<Uint8Array | undefined>
  close(): Promise<void>
}

/** Combinations of attributes that one histogram tells apart; further ones are counted together. */
const maxSeries = 1000

/** Makes an encoder with empty histograms. */
export function createOtlpEncoder({ version, instance }: ServiceInstance): OtlpEncoder {
  // Without a schema URL: the serialiser writes that where OTLP has no such field. The scope has it.
  const resource = resourceFromAttributes({
    'service.name': 'torwart',
    'service.version': version,
    'service.instance.id': instance,
  })
  const scope = { name: 'torwart', version, schemaUrl }
  const reader = new ManualReader()
  const meters = new MeterProvider({ resource, readers: [reader] })
  const meter = meters.getMeter(scope.name, version, { schemaUrl })
  const made = new Map<HistogramName, Histogram>()
  for (const key of Object.keys(histograms) as HistogramName[]) {
    const [name, unit, description, boundaries] = histograms[key]
    const advice = { explicitBucketBoundaries: [...boundaries] }
    made.set(key, meter.createHistogram(name, { unit, description, advice }))
  }
  return {
    traces: (spans) =>
      written(JsonTraceSerializer.serializeRequest(spans.map((span) => readable(span, resource, scope)))),
    record: (name, value, attributes) => made.get(name)?.record(value, present(attributes)),
    async metrics() {
      const { resourceMetrics } = await reader.collect()
      if (resourceMetrics.scopeMetrics.every(({ metrics }) => metrics.length === 0)) return undefined
      return written(JsonMetricsSerializer.serializeRequest(resourceMetrics))
    },
    close: () => meters.shutdown(),
  }
}

/** Collects when it is asked. */
class ManualReader extends MetricReader {
  constructor() {
    super({
      aggregationSelector: () => ({ type: AggregationType.DEFAULT }),
      cardinalitySelector: () => maxSeries,
    })
  }

  protected override async onForceFlush(): Promise<void> {}

  protected override async onShutdown(): Promise<void> {}
}

function written(bytes: Uint8Array | undefined): Uint8Array {
  if (bytes === undefined) throw new TypeError('OTLP could not be written')
  return bytes
}

const kinds = { server: SpanKind.SERVER, client: SpanKind.CLIENT, internal: SpanKind.INTERNAL } as const

type SerialisedSpan = Parameters<typeof JsonTraceSerializer.serializeRequest>[0][number]

function readable(
  span: FinishedSpan,
  resource: Resource,
  scope: SerialisedSpan['instrumentationScope'],
): SerialisedSpan {
  const { traceId, spanId, parent, fromMs, toMs } = span
  const context = { traceId, spanId, traceFlags: TraceFlags.SAMPLED }
  return {
    name: span.name,
    kind: kinds[span.kind],
    spanContext: () => context,
    ...(parent
      ? {
          parentSpanContext: {
            traceId,
            spanId: parent.spanId,
            traceFlags: TraceFlags.SAMPLED,
            isRemote: parent.isRemote,
          },
        }
      : {}),
    startTime: highResolution(fromMs),
    endTime: highResolution(toMs),
    duration: highResolution(toMs - fromMs),
    status: { code: span.failed ? SpanStatusCode.ERROR : SpanStatusCode.UNSET },
    attributes: present(span.attributes),
    links: [],
    events: [],
    ended: true,
    resource,
    instrumentationScope: scope,
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  }
}

/** Seconds and nanoseconds. */
function highResolution(ms: number): [number, number] {
  const seconds = Math.floor(ms / 1000)
  return [seconds, Math.round((ms - seconds * 1000) * 1e6)]
}

function present(attributes: SpanAttributes): Record<string, string | number | boolean | string[]> {
  const found: Record<string, string | number | boolean | string[]> = {}
  for (const [name, value] of Object.entries(attributes))
    if (value !== undefined) found[name] = typeof value === 'object' ? [...value] : value
  return found
}
