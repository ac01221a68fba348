/** `/metrics`, Prometheus text. What is a state and not a count is asked for when somebody looks. */
import type { FastifyInstance } from 'fastify'
import type { Metrics } from '../telemetry/metrics.ts'
import type { UpstreamHealth } from './upstream-health.ts'

export function registerMetrics(
  app: FastifyInstance,
  metrics: Metrics,
  upstreams: UpstreamHealth,
  state: () => { readonly storeUp: boolean; readonly policyVersion: string },
): void {
  app.get('/metrics', async (_request, reply) => {
    const { storeUp, policyVersion } = state()
    metrics.storeUp.set(storeUp ? 1 : 0)
    metrics.policyInfo.reset()
    metrics.policyInfo.set({ version: policyVersion }, 1)
    metrics.upstreamUp.reset()
    for (const { name, up } of await upstreams.check()) metrics.upstreamUp.set({ upstream: name }, up ? 1 : 0)
    reply.type(metrics.registry.contentType)
    return metrics.registry.metrics()
  })
}
