/** What `torwart anomalies` shows: from the running gateway, or from what the last one has saved. */

import type { Learning } from '../../anomalies/anomaly.ts'
import { AnomalyDetector } from '../../anomalies/detector.ts'
import { anomaliesFile, readStateFile } from '../../anomalies/state-file.ts'
import { type AnomalyView, anomalyView } from '../../http/admin/anomalies-api.ts'
import type { Policy } from '../../policy/policy.ts'
import type { Io, Values } from '../command.ts'
import { adminTarget, callAdmin } from './admin-client.ts'
import { visible } from './visible.ts'

const timeoutMs = 5000

/** Anomalies as the admin API lists them. */
export interface ListedAnomalies {
  readonly anomalies: readonly AnomalyView[]
  readonly learning: readonly Learning[]
}

/**
 * Asks the running gateway; where none answers, reads what was saved.
 * @returns undefined after the user was told why there is nothing
 * @throws TypeError if the file is not what it should be
 */
export async function listAnomalies(
  values: Values,
  io: Io,
  { admin, audit, anomalies }: Policy,
): Promise<ListedAnomalies | undefined> {
  const target = adminTarget(values, admin)
  const { answer, isReached } = await callAdmin<ListedAnomalies>(io, target, {
    path: '/anomalies',
    timeoutMs,
  })
  if (isReached) return answer
  const state = readStateFile(anomaliesFile(audit.file))
  if (!state) return undefined
  io.err(`This is what a gateway saved at ${new Date(state.savedMs).toISOString()}.\n`)
  const detector = new AnomalyDetector({
    perWeek: anomalies.perWeek,
    nowMs: state.savedMs,
    state: state.detector,
  })
  return { anomalies: detector.list().map(anomalyView), learning: detector.learning() }
}

/** Describes an anomaly in two or three lines. */
export function anomalyInWords({
  kind,
  subject,
  since,
  at,
  usual,
  now,
  records,
  state,
}: AnomalyView): string {
  const when = state === 'open' ? `open since ${since}` : `from ${since} to ${at}`
  const lines = [`${subject.kind} ${subject.id}  ${kind}, ${when}`, `  ${now}; usual: ${usual}`]
  if (records.length > 0) lines.push(`  records: ${records.join(' ')}`)
  return lines.map(visible).join('\n')
}

/** Describes a baseline that is still learned. */
export function learningInWords({ subject, hours, requests, untilHours, untilRequests }: Learning): string {
  return visible(
    `${subject.kind} ${subject.id}  learning: ${Math.floor(hours)} of ${untilHours} hours, ${requests} of ${untilRequests} requests`,
  )
}
