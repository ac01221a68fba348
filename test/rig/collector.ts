/**
 * An OpenTelemetry collector that keeps what it is sent, after a check against the published schema of OTLP in JSON
 * (opentelemetry-proto 1.x, and the rules for JSON in https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding):
 * no unknown field, ids in lower-case hex, 64-bit numbers as decimals, enums as numbers.
 */
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import * as z from 'zod'

const nanos = z.union([z.string().regex(/^\d{1,20}$/), z.number().int().nonnegative()])
const count = z.number().int().nonnegative()
const anyValue: z.ZodType = z.lazy(() =>
  z.union([
    z.strictObject({ stringValue: z.string() }),
    z.strictObject({ boolValue: z.boolean() }),
    z.strictObject({ intValue: z.union([z.string().regex(/^-?\d+$/), z.number().int()]) }),
    z.strictObject({ doubleValue: z.number() }),
    z.strictObject({ arrayValue: z.strictObject({ values: z.array(anyValue) }) }),
  ]),
)
const attributes = z.array(z.strictObject({ key: z.string().min(1), value: anyValue }))
const resource = z.strictObject({ attributes, droppedAttributesCount: count.optional() })
const scope = z.strictObject({ name: z.string(), version: z.string() })
const schemaUrl = z.url()
const spanId = z.string().regex(/^(?!0{16})[0-9a-f]{16}$/)

const span = z.strictObject({
  traceId: z.string().regex(/^(?!0{32})[0-9a-f]{32}$/),
  spanId,
  parentSpanId: spanId.optional(),
  name: z.string().min(1),
  kind: z.number().int().min(1).max(5),
  startTimeUnixNano: nanos,
  endTimeUnixNano: nanos,
  attributes,
  droppedAttributesCount: count.optional(),
  events: z.array(z.never()).optional(),
  droppedEventsCount: count.optional(),
  links: z.array(z.never()).optional(),
  droppedLinksCount: count.optional(),
  status: z.strictObject({ code: z.number().int().min(0).max(2) }),
  flags: z.number().int(),
})
const traces = z.strictObject({
  resourceSpans: z.array(
    z.strictObject({
      resource,
      scopeSpans: z.array(z.strictObject({ scope, spans: z.array(span).min(1), schemaUrl })),
    }),
  ),
})
const point = z.strictObject({
  attributes,
  startTimeUnixNano: nanos,
  timeUnixNano: nanos,
  count: z.union([count, z.string()]),
  sum: z.number(),
  min: z.number(),
  max: z.number(),
  bucketCounts: z.array(z.union([count, z.string()])),
  explicitBounds: z.array(z.number()),
})
const metrics = z.strictObject({
  resourceMetrics: z.array(
    z.strictObject({
      resource,
      scopeMetrics: z.array(
        z.strictObject({
          scope,
          metrics: z.array(
            z.strictObject({
              name: z.string(),
              description: z.string(),
              unit: z.string(),
              histogram: z.strictObject({
                aggregationTemporality: z.literal(2),
                dataPoints: z.array(point).min(1),
              }),
            }),
          ),
          schemaUrl,
        }),
      ),
    }),
  ),
})

type Attributes = Record<string, unknown>

export interface SeenSpan extends Omit<z.infer<typeof span>, 'attributes'> {
  readonly attributes: Attributes
  readonly resource: Attributes
  readonly schemaUrl: string
}

export interface SeenPoint {
  readonly name: string
  readonly unit: string
  readonly attributes: Attributes
  readonly count: number
  readonly sum: number
  readonly bounds: readonly number[]
  /** Each process and start has its own. */
  readonly instance: unknown
}

export interface CollectorRig {
  readonly url: string
  readonly spans: SeenSpan[]
  /** Of the latest export of each instance. */
  points(): SeenPoint[]
  readonly exports: { readonly path: string; readonly headers: IncomingHttpHeaders }[]
  /** What was wrong with exports. */
  readonly faults: string[]
  /** Answers instead of taking it. */
  answer: ((response: ServerResponse) => void) | undefined
  close(): Promise<void>
}

function plain(list: z.infer<typeof attributes>): Attributes {
  return Object.fromEntries(list.map(({ key, value }) => [key, innerOf(value)]))
}

function innerOf(value: unknown): unknown {
  const [[kind, inner] = ['', undefined]] = Object.entries(value as object)
  if (kind === 'arrayValue') return (inner as { values: unknown[] }).values.map(innerOf)
  return kind === 'intValue' ? Number(inner) : inner
}

export async function startCollector(): Promise<CollectorRig> {
  const latest = new Map<unknown, SeenPoint[]>()
  const rig = { spans: [] as SeenSpan[], exports: [] as CollectorRig['exports'], faults: [] as string[] }
  const take = (path: string, body: string) => {
    if (path === '/v1/traces') return takeTraces(body, rig)
    const { resourceMetrics } = metrics.parse(JSON.parse(body))
    for (const each of resourceMetrics) {
      const instance = plain(each.resource.attributes)['service.instance.id']
      latest.set(instance, pointsOf(each, instance))
    }
  }
  const started: Omit<CollectorRig, 'url'> = {
    ...rig,
    points: () => [...latest.values()].flat(),
    answer: undefined,
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  const server = createServer(async (request, response) => {
    const pieces: Buffer[] = []
    for await (const piece of request) pieces.push(piece as Buffer)
    rig.exports.push({ path: request.url ?? '', headers: request.headers })
    if (started.answer) return started.answer(response)
    try {
      take(request.url ?? '', Buffer.concat(pieces).toString())
    } catch (error) {
      rig.faults.push(String(error))
    }
    response.setHeader('content-type', 'application/json')
    response.end('{"partialSuccess":{}}')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return Object.assign(started, { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })
}

function takeTraces(body: string, { spans }: Pick<CollectorRig, 'spans'>): void {
  for (const { resource: of, scopeSpans } of traces.parse(JSON.parse(body)).resourceSpans)
    for (const { spans: some, schemaUrl: schema } of scopeSpans)
      for (const one of some)
        spans.push({
          ...one,
          attributes: plain(one.attributes),
          resource: plain(of.attributes),
          schemaUrl: schema,
        })
}

function pointsOf(
  { scopeMetrics }: z.infer<typeof metrics>['resourceMetrics'][number],
  instance: unknown,
): SeenPoint[] {
  return scopeMetrics.flatMap(({ metrics: some }) =>
    some.flatMap(({ name, unit, histogram }) =>
      histogram.dataPoints.map(({ attributes: of, count: values, sum, explicitBounds }) => ({
        ...{ name, unit, sum, instance },
        attributes: plain(of),
        count: Number(values),
        bounds: explicitBounds,
      })),
    ),
  )
}
