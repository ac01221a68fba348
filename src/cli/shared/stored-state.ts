/** What is stored about a key or a person beside the audit log. */
import Type from 'typebox'
import Value from 'typebox/value'
import { anomaliesFile, readStateFile } from '../../anomalies/state-file.ts'
import type { DataSubject } from '../../audit/query/stored-about.ts'
import { readKeyFile } from '../../auth/api-keys/key-file.ts'
import { type KeyView, keyView } from '../../auth/api-keys/key-view.ts'
import { readUses, usesFile } from '../../auth/api-keys/usage.ts'
import { printDuration } from '../../core/units.ts'
import { incidentView } from '../../incident/incident.ts'
import { readIncidents } from '../../incident/incident-file.ts'
import type { FreezeEntry } from '../../kill-switch/freeze-entry.ts'
import type { Policy } from '../../policy/policy.ts'
import type { Io, Values } from '../command.ts'
import { listFreezes } from './freezes.ts'

/** What is stored beside the log. */
export interface StoredState {
  /** Its entry in the key file, without its hash; null: there is none, or it is no key. */
  readonly key: KeyView | null
  readonly freezes: readonly Pick<FreezeEntry, 'kind' | 'name' | 'frozen' | 'why' | 'by'>[]
  readonly incidents: readonly { readonly id: string; readonly state: string; readonly opened: string }[]
  /** What is learned of its usual behaviour; null: nothing. */
  readonly baseline: { readonly since: string; readonly requests: number } | null
  /** How long records are kept. */
  readonly retention: string
  /** What is not told here, and where it may be. */
  readonly notCovered: readonly string[]
}

/** Collects what is stored beside the log. @throws TypeError if a file is not what it should be */
export async function storedState(
  subject: DataSubject,
  policy: Policy,
  values: Values,
  io: Io,
): Promise<StoredState> {
  const id = subject.kind === 'text' ? '' : subject.id
  const isMeant = (kind: string, name: string) => kind === subject.kind && name === id
  const now = Date.now()
  const { file, retentionMs } = policy.audit
  return {
    key: subject.kind === 'key' ? keyOf(id, policy, now) : null,
    freezes: (await listFreezes(values, io))
      .filter(({ kind, name }) => isMeant(kind, name))
      .map(({ kind, name, frozen, why, by }) => ({ kind, name, frozen, why, by })),
    incidents: readIncidents(file)
      .filter(({ key, person }) => id !== '' && (subject.kind === 'key' ? key === id : person === id))
      .map((incident) => ({
        id: incident.id,
        state: incidentView(incident, now).state,
        opened: incident.opened,
      })),
    baseline: subject.kind === 'key' ? baselineOf(id, file) : null,
    retention: printDuration(retentionMs),
    notCovered: notCovered(policy),
  }
}

function keyOf(given: string, { keysFile }: Policy, nowMs: number): KeyView | null {
  const entry = readKeyFile(keysFile).find(({ id }) => id === given)
  return entry ? keyView(entry, readUses(usesFile(keysFile)), nowMs) : null
}

/** Of the state of the detector, what is told here. */
const savedSubjects = Type.Object({
  subjects: Type.Array(
    Type.Tuple([
      Type.String(),
      Type.Object({
        subject: Type.Object({ kind: Type.String(), id: Type.String() }),
        firstMs: Type.Number(),
        requests: Type.Number(),
      }),
    ]),
  ),
})

/** Of what the watch for anomalies keeps, only that it keeps it: charts of numbers, no text and no address. */
function baselineOf(id: string, auditFile: string): StoredState['baseline'] {
  const detector = readStateFile(anomaliesFile(auditFile))?.detector
  const subjects = Value.Check(savedSubjects, detector) ? detector.subjects : []
  for (const [, { subject, firstMs, requests }] of subjects)
    if (subject.kind === 'key' && subject.id === id)
      return { since: new Date(firstMs).toISOString(), requests }
  return null
}

function notCovered({ audit, upstreams, store, telemetry }: Policy): string[] {
  const names = (list: readonly { readonly name: string }[]) => list.map(({ name }) => name).join(', ')
  return [
    ...(audit.forward.length > 0 ? [`receivers of records have copies: ${names(audit.forward)}`] : []),
    `model servers got the requests, and may keep them: ${names(upstreams)}`,
    ...(store.redis ? ['Redis has counters of limits, freezes and approvals, for hours to a month'] : []),
    ...(telemetry.otlp ? ['the OpenTelemetry collector has spans with ids of keys, without texts'] : []),
    'counters of limits in the memory of the gateway, for a day at most, and budgets of the month, by group',
    'what was erased, and what is older than the retention',
    'values that were masked before they were written: they are not in the log, so that no search finds them',
    'backups, exported files, bundles of incidents, the operational log of the process',
    'other gateways that have a log of their own',
  ]
}
