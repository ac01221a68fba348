/** Incidents as a gateway shows them: read from their file when it has changed. */

import { describeError } from '../core/refusal.ts'
import { lookAt } from '../files/watch.ts'
import type { Incident } from '../incident/incident.ts'
import { incidentView } from '../incident/incident.ts'
import { incidentsFile, readIncidents } from '../incident/incident-file.ts'
import { noticeNames } from '../incident/notices.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import type { Foundation } from './foundation.ts'

/** Makes what the admin listener tells of incidents. */
export function incidentParts({ atStart, metrics, clock, log, mayTell }: Foundation) {
  const incidents = createIncidentReader(atStart.audit.file)
  return {
    incidents: { incidents, nowMs: clock.wallMs },
    /** A file that cannot be read must not take the other metrics away. */
    showIncidents() {
      try {
        showIncidents(metrics, incidents(), clock.wallMs())
      } catch (error) {
        if (mayTell('incidents')) log.error({ cause: describeError(error) }, 'the incidents cannot be read')
      }
    },
  }
}

/** Makes what reads the incidents beside this log, at most once for each version of their file. */
function createIncidentReader(auditFile: string): () => readonly Incident[] {
  const path = incidentsFile(auditFile)
  let known: { readonly state: string; readonly incidents: readonly Incident[] } | undefined
  return () => {
    const state = lookAt(path)
    if (known?.state !== state) known = { state, incidents: readIncidents(auditFile) }
    return known.incidents
  }
}

/** Counts incidents, and says of each report how long it is until the first of its kind is due. */
function showIncidents(metrics: Metrics, incidents: readonly Incident[], nowMs: number): void {
  const views = incidents.map((incident) => incidentView(incident, nowMs))
  for (const state of ['open', 'overdue', 'closed'] as const)
    metrics.incidents.set({ state }, views.filter((view) => view.state === state).length)
  metrics.incidentDue.reset()
  for (const notice of noticeNames) {
    const left = views.flatMap(({ notices }) =>
      notices.flatMap((each) =>
        each.notice === notice && each.leftSeconds !== null ? each.leftSeconds : [],
      ),
    )
    if (left.length > 0) metrics.incidentDue.set({ notice }, Math.min(...left))
  }
}
