/** The admin listener: health, metrics, and, as they come, the admin API and the console. */
import { type FastifyInstance, fastify } from 'fastify'
import { guardAdmin } from './http/admin-door.ts'
import { type Readiness, registerHealth } from './http/health.ts'
import { registerMetrics } from './http/metrics.ts'
import type { UpstreamHealth } from './http/upstream-health.ts'
import type { Metrics } from './telemetry/metrics.ts'

export interface AdminParts {
  readiness(): Readiness
  readonly upstreams: UpstreamHealth
  readonly metrics: Metrics
}

const mostConnections = 256

export function createAdmin({ readiness, upstreams, metrics }: AdminParts): FastifyInstance {
  const app = fastify({
    logger: false,
    bodyLimit: 64 * 1024,
    requestTimeout: 30_000,
    connectionTimeout: 60_000,
  })
  app.server.maxConnections = mostConnections
  guardAdmin(app, readiness().policy.admin)
  registerHealth(app, readiness, upstreams)
  registerMetrics(app, metrics, upstreams, () => {
    const { store, policy } = readiness()
    return { storeUp: store.up, policyVersion: policy.version }
  })
  return app
}
