/**
 * Histograms with explicit buckets, cumulative since the start, as OpenTelemetry's metrics data model has them
 * (https://opentelemetry.io/docs/specs/otel/metrics/data-model/#histogram).
 */
import { type AttributeWriter, unixNanos } from './json.ts'
import { type HistogramName, histograms } from './names.ts'
import type { SpanAttributes } from './span.ts'

/** The attributes of a series, and one text that no other attributes have. */
export interface SeriesAttributes {
  readonly key: string
  readonly attributes: SpanAttributes
}

/** One series of a histogram. */
interface Series {
  readonly attributes: SpanAttributes
  /** How many values are in each bucket; the last one is above all bounds. */
  readonly counts: number[]
  count: number
  sum: number
  min: number
  max: number
}

/**
 * Combinations of attributes that one histogram tells apart; further ones are counted together, as the specification
 * has it (https://opentelemetry.io/docs/specs/otel/metrics/sdk/#overflow-attribute).
 */
const maxSeries = 1000
const overflow: SeriesAttributes = { key: '', attributes: { 'otel.metric.overflow': true } }
/** AGGREGATION_TEMPORALITY_CUMULATIVE. */
const cumulative = 2

/** All histograms of a process. */
export class Histograms {
  readonly #series = new Map<HistogramName, Map<string, Series>>()
  readonly #since: string

  /** @param nowMs since when they count, in epoch milliseconds */
  constructor(nowMs: number) {
    this.#since = unixNanos(nowMs)
    for (const name of Object.keys(histograms) as HistogramName[]) this.#series.set(name, new Map())
  }

  /** Counts a value. */
  record(name: HistogramName, value: number, of: SeriesAttributes): void {
    const series = this.#seriesOf(name, of)
    if (series === undefined) return
    const { counts } = series
    const at = bucketOf(value, histograms[name][3])
    counts[at] = (counts[at] ?? 0) + 1
    series.count++
    series.sum += value
    if (value < series.min) series.min = value
    if (value > series.max) series.max = value
  }

  #seriesOf(name: HistogramName, of: SeriesAttributes): Series | undefined {
    const all = this.#series.get(name)
    const known = all?.get(of.key)
    if (known !== undefined || all === undefined) return known
    if (all.size >= maxSeries && of !== overflow) return this.#seriesOf(name, overflow)
    const counts = new Array<number>(histograms[name][3].length + 1).fill(0)
    const { POSITIVE_INFINITY: min, NEGATIVE_INFINITY: max } = Number
    const made = { attributes: of.attributes, counts, count: 0, sum: 0, min, max }
    all.set(of.key, made)
    return made
  }

  /** Writes each `Metric` that has values. @param nowMs in epoch milliseconds */
  write(nowMs: number, attributes: AttributeWriter): readonly string[] {
    const times = `"startTimeUnixNano":"${this.#since}","timeUnixNano":"${unixNanos(nowMs)}"`
    const written: string[] = []
    for (const [name, all] of this.#series) {
      if (all.size === 0) continue
      const [title, unit, description, bounds] = histograms[name]
      const points = [...all.values()].map(
        ({ attributes: of, counts, count, sum, min, max }) =>
          `{"attributes":${attributes.list(of)},${times},"count":"${count}","sum":${sum},"min":${min},"max":${max},"bucketCounts":[${counts.map((each) => `"${each}"`).join(',')}],"explicitBounds":[${bounds.join(',')}]}`,
      )
      written.push(
        `{"name":"${title}","unit":"${unit}","description":"${description}","histogram":{"aggregationTemporality":${cumulative},"dataPoints":[${points.join(',')}]}}`,
      )
    }
    return written
  }
}

/** The first bucket whose upper bound, which belongs to it, is not below the value. */
function bucketOf(value: number, bounds: readonly number[]): number {
  let at = 0
  while (at < bounds.length && value > (bounds[at] ?? 0)) at++
  return at
}
