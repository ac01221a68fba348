/** Metrics of a gateway with several workers: the sums of all, those of workers that are gone among them. */
import { AggregatorRegistry, type Registry } from 'prom-client'

/** The metrics of one process, as prom-client gives them away. */
export type ProcessMetrics = Awaited<ReturnType<Registry['getMetricsAsJSON']>>

/** Keeps what workers have told. */
export class WorkerMetrics {
  readonly #last = new Map<number, ProcessMetrics>()
  /** Counters of workers that are gone: without them a sum would go back, which looks like a restart. */
  #gone: ProcessMetrics = []

  /** Takes what a worker tells; of one that does not answer, what it told before counts. */
  take(worker: number, metrics: ProcessMetrics): void {
    this.#last.set(worker, metrics)
  }

  /** A worker is gone. */
  async forget(worker: number): Promise<void> {
    const last = this.#last.get(worker)
    this.#last.delete(worker)
    if (!last) return
    // prom-client's type has it as text, which is what it holds.
    const counted = last.filter(({ type }) => ['counter', 'histogram'].includes(String(type)))
    this.#gone = await AggregatorRegistry.aggregate([this.#gone, counted]).getMetricsAsJSON()
  }

  /** Prints all in Prometheus' text format. @param own those of the primary */
  async print(own: Registry): Promise<string> {
    const all = [await own.getMetricsAsJSON(), this.#gone, ...this.#last.values()]
    return AggregatorRegistry.aggregate(all).metrics()
  }
}
