/** The metrics of one process, as it tells and prints them. */
import type { Exemplar } from './exemplars.ts'
import type { Metrics } from './metrics.ts'
import { type ProcessMetrics, printOpenMetrics } from './openmetrics.ts'

/** In which format metrics are printed: Prometheus' text format 0.0.4, or OpenMetrics 1.0.0 with exemplars. */
export type ExpositionFormat = 'text' | 'openmetrics'

/** What a process tells of its metrics. */
export interface ToldMetrics {
  readonly metrics: ProcessMetrics
  readonly exemplars: readonly Exemplar[]
}

/** Collects what a process has to tell. */
export async function tellMetrics({ registry, exemplars }: Metrics): Promise<ToldMetrics> {
  return { metrics: await registry.getMetricsAsJSON(), exemplars: exemplars.list() }
}

/** Prints the metrics of a process that serves alone. */
export async function printMetrics(own: Metrics, format: ExpositionFormat): Promise<string> {
  if (format === 'text') return own.registry.metrics()
  const { metrics, exemplars } = await tellMetrics(own)
  return printOpenMetrics(metrics, exemplars)
}
