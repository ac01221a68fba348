/** Spans and histograms as OTLP writes them in JSON, read back by the rules of its specification. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createOtlpEncoder, type OtlpEncoder } from '../../src/telemetry/otlp/encoder.ts'
import { AttributeWriter, unixNanos } from '../../src/telemetry/otlp/json.ts'
import { type HistogramName, histograms } from '../../src/telemetry/otlp/names.ts'
import type { AttributeValue, FinishedSpan } from '../../src/telemetry/otlp/span.ts'

interface Value {
  readonly stringValue?: string
  readonly intValue?: string
  readonly doubleValue?: number | string
  readonly boolValue?: boolean
  readonly arrayValue?: { readonly values: readonly Value[] }
}

/** Reads a value by the rules for 64-bit numbers and for what JSON has no number for. */
function readBack(value: Value): unknown {
  const { intValue, doubleValue, arrayValue } = value
  if (arrayValue) return arrayValue.values.map(readBack)
  const number = intValue ?? doubleValue
  return number === undefined ? (value.stringValue ?? value.boolValue) : Number(number)
}

function decoded(list: string): Record<string, unknown> {
  const pairs = JSON.parse(list) as { key: string; value: Value }[]
  return Object.fromEntries(pairs.map(({ key, value }) => [key, readBack(value)]))
}

const made = () => createOtlpEncoder({ version: '1.2.3', instance: 'one' })

describe('attributes', () => {
  it('are read back as they were, whatever was written before them', () => {
    const value = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 200 }),
      fc.string({ unit: 'grapheme', maxLength: 20 }),
      fc.integer(),
      fc.double({ noNaN: true }),
      fc.boolean(),
      fc.array(fc.string(), { maxLength: 3 }),
      fc.constant(undefined),
    )
    const writer = new AttributeWriter(['c'])
    fc.assert(
      fc.property(fc.record({ a: value, b: value, c: value }), (attributes) => {
        const present = Object.entries(attributes).filter(([, each]) => each !== undefined)
        // JSON has no -0, and neither has an integer.
        const expected = present.map(([name, each]) => [name, Object.is(each, -0) ? 0 : each])
        expect(decoded(writer.list(attributes))).toEqual(Object.fromEntries(expected))
        expect(decoded(writer.list(attributes))).toEqual(Object.fromEntries(expected))
      }),
      { numRuns: 40 },
    )
  })

  it('are right after more values than are kept', () => {
    const writer = new AttributeWriter()
    for (let number = 0; number < 600; number++)
      expect(decoded(writer.list({ model: `m${number % 300}` }))).toEqual({ model: `m${number % 300}` })
  })

  const forms: readonly (readonly [AttributeValue, string])[] = [
    [7, '{"intValue":"7"}'],
    [-0, '{"intValue":"0"}'],
    [0.25, '{"doubleValue":0.25}'],
    [2 ** 60, '{"doubleValue":1152921504606847000}'],
    [Number.NaN, '{"doubleValue":"NaN"}'],
    [Number.NEGATIVE_INFINITY, '{"doubleValue":"-Infinity"}'],
    [false, '{"boolValue":false}'],
    ['a"\n\u0000', '{"stringValue":"a\\"\\n\\u0000"}'],
    ['é🙂\ud800', '{"stringValue":"\\u00e9\\ud83d\\ude42\\ud800"}'],
    [['a', 'b'], '{"arrayValue":{"values":[{"stringValue":"a"},{"stringValue":"b"}]}}'],
    [[], '{"arrayValue":{"values":[]}}'],
  ]
  it.each(forms)('has the form of its type: %j', (value, form) => {
    expect(new AttributeWriter().list({ x: value })).toBe(`[{"key":"x","value":${form}}]`)
  })
})

describe('a time', () => {
  it.each([
    [1_767_225_600_000, '1767225600000000000'],
    [1_767_225_600_000.5, '1767225600000500000'],
    [999.9999999, '1000000000'],
    [1_767_225_600_007, '1767225600007000000'],
  ])('of %s ms is %s ns', (ms, nanos) => {
    expect(unixNanos(ms)).toBe(nanos)
  })
})

const span = (over: Partial<FinishedSpan> = {}): FinishedSpan => ({
  ...{ name: 'chat', kind: 'server', traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), parent: undefined },
  ...{ fromMs: 1000, toMs: 2000, failed: false, attributes: {}, ...over },
})

describe('a span', () => {
  const written = (one: FinishedSpan) =>
    JSON.parse(made().traces([one]).toString()).resourceSpans[0].scopeSpans[0].spans[0]

  it('names its parent, and whether that one is elsewhere', () => {
    const spanId = 'c'.repeat(16)
    expect(written(span())).toMatchObject({ flags: 0x101 })
    expect(written(span())).not.toHaveProperty('parentSpanId')
    expect(written(span({ parent: { spanId, isRemote: false } }))).toMatchObject({
      parentSpanId: spanId,
      flags: 0x101,
    })
    expect(written(span({ parent: { spanId, isRemote: true } }))).toMatchObject({ flags: 0x301 })
  })

  it('says whether it failed, and of which kind it is', () => {
    expect(written(span())).toMatchObject({ kind: 2, status: { code: 0 } })
    expect(written(span({ kind: 'client', failed: true }))).toMatchObject({ kind: 3, status: { code: 2 } })
    expect(written(span({ kind: 'internal', name: 'naïve "name"' }))).toMatchObject({
      kind: 1,
      name: 'naïve "name"',
    })
  })
})

interface Point {
  readonly attributes: unknown
  readonly count: string
  readonly sum: number
  readonly min: number
  readonly max: number
  readonly bucketCounts: readonly string[]
  readonly explicitBounds: readonly number[]
}

function pointsOf(encoder: OtlpEncoder, name: HistogramName): Point[] {
  const text = encoder.metrics()?.toString() ?? '{"resourceMetrics":[]}'
  const [resource] = JSON.parse(text).resourceMetrics
  const all = resource.scopeMetrics[0].metrics as { name: string; histogram: { dataPoints: Point[] } }[]
  return all.find((metric) => metric.name === histograms[name][0])?.histogram.dataPoints ?? []
}

const series = (key: string) => ({ key, attributes: { key } })

describe('a histogram', () => {
  it('is not there before a value was counted', () => {
    expect(made().metrics()).toBeUndefined()
  })

  it('counts a value in the bucket whose upper bound it does not exceed, since the start', () => {
    const encoder = made()
    for (const value of [0, 1, 1.5, 4, 5, 1e9]) encoder.record('tokens', value, series('a'))
    expect(pointsOf(encoder, 'tokens')).toMatchObject([
      { count: '6', sum: 1_000_000_011.5, min: 0, max: 1e9 },
    ])
    encoder.record('tokens', 4, series('a'))
    const [point] = pointsOf(encoder, 'tokens')
    const counts = point?.bucketCounts.map(Number)
    expect(counts).toEqual([2, 3, 1, ...new Array(11).fill(0), 1])
    expect(counts).toHaveLength((point?.explicitBounds.length ?? 0) + 1)
  })

  it('counts what is beyond a thousand series in one that says so', () => {
    const encoder = made()
    for (let number = 0; number < 1003; number++) encoder.record('tokens', 2, series(`s${number}`))
    encoder.record('tokens', 2, series('s999'))
    const points = pointsOf(encoder, 'tokens')
    expect(points).toHaveLength(1001)
    const overflow = { attributes: [{ key: 'otel.metric.overflow', value: { boolValue: true } }] }
    expect(points.at(-1)).toMatchObject({ ...overflow, count: '3', sum: 6 })
    expect(points[999]).toMatchObject({ count: '2' })
  })

  // https://github.com/open-telemetry/semantic-conventions/blob/v1.41.0/docs/gen-ai/gen-ai-metrics.md
  const seconds = '[0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92]'
  it.each<readonly [HistogramName, string]>([
    ['tokens', '[1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864]'],
    ['upstreamSeconds', seconds],
    ['requestSeconds', seconds],
    [
      'firstTokenSeconds',
      '[0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0]',
    ],
  ])('has the bounds of the conventions: %s', (name, published) => {
    expect(histograms[name][3]).toEqual(JSON.parse(published))
  })
})
