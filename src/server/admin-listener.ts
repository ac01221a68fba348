/** The admin listener: health, metrics, the admin API. */
import { type FastifyInstance, fastify } from 'fastify'
import { type AdminApiParts, registerAdminApi } from '../http/admin/admin-api.ts'
import { registerAdminAuth } from '../http/admin/admin-auth.ts'
import { registerErrorHandler } from '../http/admin/admin-errors.ts'
import type { AdminLogins } from '../http/admin/admin-logins.ts'
import { type AnomaliesApiParts, registerAdminAnomalies } from '../http/admin/anomalies-api.ts'
import { type ApprovalsApiParts, registerApprovals } from '../http/admin/approvals-api.ts'
import { type AuditApiParts, registerAuditApi } from '../http/admin/audit-api.ts'
import { registerAuditLogApi } from '../http/admin/audit-log-api.ts'
import type { Console } from '../http/admin/console/console.ts'
import { type Readiness, registerHealth } from '../http/admin/health.ts'
import { type IncidentsApiParts, registerIncidentsApi } from '../http/admin/incidents-api.ts'
import { type LimitsApiParts, registerLimitsApi } from '../http/admin/limits-api.ts'
import { registerMetrics } from '../http/admin/metrics.ts'
import { type ModelsApiParts, registerAdminModels } from '../http/admin/models-api.ts'
import { type PolicyApiParts, registerPolicyApi } from '../http/admin/policy-api.ts'
import { type RightsApiParts, registerRightsApi } from '../http/admin/rights-api.ts'
import { registerSecurityHeaders } from '../http/admin/security-headers.ts'
import { registerUsageApi } from '../http/admin/usage-api.ts'
import { evictIdleConnections } from '../http/data/connections.ts'
import type { Policy } from '../policy/policy.ts'
import type { ExpositionFormat } from '../telemetry/exposition.ts'
import type { Log } from '../telemetry/log.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import type { Fleet } from '../upstreams/fleet.ts'

/** What the listener and its routes need. */
export interface AdminListenerParts {
  readonly policy: Policy['admin']
  readiness(): Promise<Readiness>
  readonly fleet: Fleet
  readonly metrics: Metrics
  /** Prints all metrics. */
  exposition(format: ExpositionFormat): Promise<string>
  readonly log: Log
  readonly logins: AdminLogins
  readonly api: AdminApiParts
  readonly approvals: ApprovalsApiParts
  readonly audit: AuditApiParts
  /** Returns the policy in force, with its log and its prices. */
  inForce(): Policy
  readonly models: ModelsApiParts
  readonly rights: RightsApiParts
  readonly limits: LimitsApiParts
  /** Undefined: the policy wants none. */
  readonly console: Console | undefined
  readonly policyFile: PolicyApiParts
  readonly anomalies: AnomaliesApiParts
  readonly incidents: IncidentsApiParts
  /** Sets the gauges of incidents. */
  showIncidents(): void
}

const connections = { each: 64, all: 256 }

/** Makes the listener; it does not listen yet. */
export async function createAdminListener({
  policy,
  readiness,
  fleet,
  metrics,
  exposition,
  log,
  logins,
  api,
  approvals,
  audit,
  inForce,
  models,
  rights,
  limits,
  policyFile,
  console,
  anomalies,
  incidents,
  showIncidents,
}: AdminListenerParts): Promise<FastifyInstance> {
  const app = fastify({
    logger: false,
    bodyLimit: 64 * 1024,
    requestTimeout: 30_000,
    connectionTimeout: 60_000,
    http: { headersTimeout: 10_000, connectionsCheckingInterval: 2_000 },
    // Names of models and callers stand in paths.
    routerOptions: { maxParamLength: 512 },
  })
  evictIdleConnections(app.server, connections)
  registerErrorHandler(app, log)
  await registerSecurityHeaders(app)
  registerAdminAuth(app, policy, logins, console?.finder)
  app.setNotFoundHandler((_request, reply) =>
    reply.code(404).send({ error: 'The admin listener has no such route.' }),
  )
  registerHealth(app, readiness, fleet)
  registerMetrics(app, {
    ...{ metrics, fleet, exposition, showIncidents },
    ...{ models: models.models, state: readiness },
  })
  registerAdminApi(app, api)
  registerApprovals(app, approvals, logins)
  registerAuditApi(app, audit)
  registerAuditLogApi(app, { file: () => inForce().audit.file, log, nowMs: Date.now })
  registerUsageApi(app, inForce)
  registerAdminModels(app, models)
  registerRightsApi(app, rights)
  registerLimitsApi(app, limits)
  console?.register(app, logins)
  registerPolicyApi(app, policyFile)
  registerAdminAnomalies(app, anomalies)
  registerIncidentsApi(app, incidents)
  return app
}
