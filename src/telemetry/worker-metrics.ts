/** Metrics of a gateway with several workers: the sums of all, those of workers that are gone among them. */
import { AggregatorRegistry } from 'prom-client'
import { type ExpositionFormat, type ToldMetrics, tellMetrics } from './exposition.ts'
import type { Metrics } from './metrics.ts'
import { type ProcessMetrics, printOpenMetrics } from './openmetrics.ts'

/** Keys whose counts are kept apart of workers that are gone, whatever `telemetry.metrics.maxKeys` is. */
const maxGoneKeys = 10_000

/** Keeps what workers have told. */
export class WorkerMetrics {
  readonly #last = new Map<number, ToldMetrics>()
  /** Counters of workers that are gone: without them a sum would go back, which looks like a restart. */
  #gone: ProcessMetrics = []

  /** Takes what a worker tells; of one that does not answer, what it told before counts. */
  take(worker: number, told: ToldMetrics): void {
    this.#last.set(worker, told)
  }

  /** A worker is gone. */
  async forget(worker: number): Promise<void> {
    const last = this.#last.get(worker)
    this.#last.delete(worker)
    if (!last) return
    // prom-client's type has it as text, which is what it holds.
    const counted = last.metrics.filter(({ type }) => ['counter', 'histogram'].includes(String(type)))
    this.#gone = await AggregatorRegistry.aggregate([
      withFewKeys([...this.#gone, ...counted]),
    ]).getMetricsAsJSON()
  }

  /** Prints all. @param own those of the primary */
  async print(own: Metrics, format: ExpositionFormat): Promise<string> {
    const { metrics, exemplars } = await tellMetrics(own)
    const last = [...this.#last.values()]
    const sums = AggregatorRegistry.aggregate([metrics, this.#gone, ...last.map((each) => each.metrics)])
    if (format === 'text') return sums.metrics()
    const all = [...exemplars, ...last.flatMap((each) => each.exemplars)]
    return printOpenMetrics(await sums.getMetricsAsJSON(), all)
  }
}

/** Each replaced worker may have counted other keys. */
function withFewKeys(metrics: ProcessMetrics): ProcessMetrics {
  const kept = new Set<string | number>()
  const mayKeep = (key: string | number) =>
    kept.has(key) || (kept.size < maxGoneKeys && kept.add(key).size > 0)
  return metrics.map((metric) => ({
    ...metric,
    values: metric.values.map((value) => {
      const { key } = value.labels
      return key === undefined || mayKeep(key)
        ? value
        : { ...value, labels: { ...value.labels, key: 'other' } }
    }),
  }))
}
