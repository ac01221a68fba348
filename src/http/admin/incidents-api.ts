/**
 * Incidents in the admin API.
 *
 *     GET /admin/v1/incidents   open incidents and the latest that are closed, with what is due when
 */
import type { FastifyInstance } from 'fastify'
import { type Incident, type IncidentView, incidentView } from '../../incident/incident.ts'

/** What the route needs. */
export interface IncidentsApiParts {
  /** Lists all incidents, the oldest first. @throws TypeError if their file is not what it should be */
  incidents(): readonly Incident[]
  /** Epoch milliseconds. */
  nowMs(): number
}

const maxClosed = 20

/** Registers the route. */
export function registerIncidentsApi(app: FastifyInstance, { incidents, nowMs }: IncidentsApiParts): void {
  app.get('/admin/v1/incidents', async () => ({ incidents: shown(incidents(), nowMs()) }))
}

function shown(incidents: readonly Incident[], nowMs: number): readonly IncidentView[] {
  const views = incidents.map((incident) => incidentView(incident, nowMs))
  const isOpen = ({ state }: IncidentView) => state !== 'closed'
  const closed = views.filter((view) => !isOpen(view)).slice(-maxClosed)
  const dueMs = ({ next }: IncidentView) => (next ? Date.parse(next.due) : Number.POSITIVE_INFINITY)
  return [...views.filter(isOpen).toSorted((a, b) => dueMs(a) - dueMs(b)), ...closed.toReversed()]
}
