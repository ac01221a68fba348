/**
 * Anomalies in the admin API.
 *
 *     GET /admin/v1/anomalies   what is unusual, or was lately, and which baselines are still learned
 */
import type { FastifyInstance } from 'fastify'
import type { Anomaly, Learning } from '../../anomalies/anomaly.ts'

/** What the route needs. */
export interface AnomaliesApiParts {
  /** Lists open anomalies, and the latest that are over. */
  list(): readonly Anomaly[]
  learning(): readonly Learning[]
}

/** Registers the route. */
export function registerAdminAnomalies(app: FastifyInstance, { list, learning }: AnomaliesApiParts): void {
  app.get('/admin/v1/anomalies', async () => ({ anomalies: list().map(anomalyView), learning: learning() }))
}

/** Makes an anomaly as the admin API, the webhook and `torwart anomalies` show it. */
export function anomalyView({ sinceMs, atMs, ...anomaly }: Anomaly) {
  const { id, kind, subject, usual, now, score, records, state } = anomaly
  const time = (ms: number) => new Date(ms).toISOString()
  return { id, kind, subject, since: time(sinceMs), at: time(atMs), usual, now, score, records, state }
}

/** An anomaly as it is shown. */
export type AnomalyView = ReturnType<typeof anomalyView>
