/** `/metrics` in Prometheus' text format, or in OpenMetrics if that has something to add. Gauges are read when the route is requested. */
import type { FastifyInstance } from 'fastify'
import type { DriftWatch } from '../../model-trust/drift-watch.ts'
import { isDrift } from '../../model-trust/judge.ts'
import type { ExpositionFormat } from '../../telemetry/exposition.ts'
import type { Metrics } from '../../telemetry/metrics.ts'
import { openMetricsType, prefersOpenMetrics } from '../../telemetry/openmetrics.ts'
import type { Fleet } from '../../upstreams/fleet.ts'
import type { Readiness } from './health.ts'

/** What the route needs. */
export interface MetricsParts {
  readonly metrics: Metrics
  readonly fleet: Fleet
  readonly models: Pick<DriftWatch, 'statuses'>
  state(): Promise<Readiness>
  /** Sets the gauges of incidents. */
  showIncidents(): void
  /** Prints all metrics. */
  exposition(format: ExpositionFormat): Promise<string>
}

/** Registers the route. */
export function registerMetrics(
  app: FastifyInstance,
  { metrics, fleet, models, state, showIncidents, exposition }: MetricsParts,
): void {
  app.get('/metrics', async (request, reply) => {
    const { store, policy, freezes } = await state()
    metrics.storeUp.set(store.up ? 1 : 0)
    metrics.freezes.set(freezes)
    showIncidents()
    metrics.policyInfo.reset()
    metrics.policyInfo.set({ version: policy.version }, 1)
    metrics.queueDepth.set(fleet.waiting)
    metrics.upstreamUp.reset()
    for (const { name, up } of await fleet.check()) metrics.upstreamUp.set({ upstream: name }, up ? 1 : 0)
    metrics.upstreamEjected.reset()
    for (const upstream of policy.upstreams)
      metrics.upstreamEjected.set({ upstream: upstream.name }, fleet.isEjected(upstream) ? 1 : 0)
    metrics.modelDrift.reset()
    for (const [model, drifts] of driftByModel(models)) metrics.modelDrift.set({ model }, drifts ? 1 : 0)
    const inOpenMetrics = metrics.exemplars.wanted && prefersOpenMetrics(request.headers.accept)
    reply.type(inOpenMetrics ? openMetricsType : metrics.registry.contentType)
    return exposition(inOpenMetrics ? 'openmetrics' : 'text')
  })
}

/** Of several servers with a model, one that is wrong is enough. What a silent server has is not known. */
function driftByModel(models: Pick<DriftWatch, 'statuses'>): ReadonlyMap<string, boolean> {
  const drifts = new Map<string, boolean>()
  for (const { model, doubt } of models.statuses()) {
    drifts.set(model, isDrift(doubt) || drifts.get(model) === true)
  }
  return drifts
}
