/** An incident: whom it is about, since when, which reports were sent, how it ended. */
import Type, { type Static } from 'typebox'
import { randomHex } from '../core/random.ts'
import { duties, type Notice, nextNotice, noticeNames, noticesOf, seriousKinds } from './notices.ts'

const time = Type.String({ pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z$' })
const words = Type.String({ minLength: 1, maxLength: 2048 })
const maxList = 200

/** The pattern of an incident's id. */
export const incidentIdPattern = '^inc-\\d{8}-[0-9a-f]{6}$'

/** The schema of `Incident`. Times are RFC 3339, UTC. */
export const incidentSchema = Type.Object(
  {
    id: Type.String({ pattern: incidentIdPattern }),
    opened: time,
    /** When somebody became aware of it: the clocks run from here. */
    aware: time,
    /** From when on records concern it. */
    since: time,
    why: words,
    by: words,
    /** The key that it is about, by id. */
    key: Type.Union([words, Type.Null()]),
    person: Type.Union([words, Type.Null()]),
    /** Whether a freeze was ordered with it. */
    frozen: Type.Boolean(),
    duties: Type.Array(Type.Enum([...duties])),
    serious: Type.Enum([...seriousKinds]),
    sent: Type.Array(
      Type.Object({
        notice: Type.Enum([...noticeNames]),
        at: time,
        by: words,
      }),
      { maxItems: noticeNames.length },
    ),
    bundles: Type.Array(
      Type.Object({
        at: time,
        by: words,
        /** SHA-256 of its manifest. */
        manifest: Type.String({ pattern: '^[0-9a-f]{64}$' }),
        signed: Type.Boolean(),
      }),
      { maxItems: maxList },
    ),
    closed: Type.Union([Type.Object({ at: time, by: words, why: words }), Type.Null()]),
  },
  { additionalProperties: false },
)

/** An incident, as its file has it. */
export type Incident = Static<typeof incidentSchema>

/** What is said when an incident is opened. */
export type NewIncident = Omit<Incident, 'id' | 'opened' | 'sent' | 'bundles' | 'closed'>

const idBytes = 3

/** Makes an incident that is open. */
export function openedIncident(given: NewIncident, nowMs: number): Incident {
  const opened = new Date(nowMs).toISOString()
  const id = `inc-${opened.slice(0, 10).replaceAll('-', '')}-${randomHex(idBytes)}`
  return { id, opened, ...given, sent: [], bundles: [], closed: null }
}

/** Notes a bundle; of very many the first are forgotten. */
export function withBundle(incident: Incident, bundle: Incident['bundles'][number]): Incident {
  return { ...incident, bundles: [...incident.bundles, bundle].slice(-maxList) }
}

/** An incident as `incident list --json` and the admin API show it. */
export interface IncidentView extends Incident {
  readonly state: 'open' | 'overdue' | 'closed'
  readonly notices: readonly Notice[]
  /** The report that is due first; null: none. */
  readonly next: Notice | null
}

/** Shows an incident with its clocks. */
export function incidentView(incident: Incident, nowMs: number): IncidentView {
  const notices = noticesOf(incident, nowMs)
  const isOverdue = notices.some(({ state }) => state === 'overdue')
  return {
    ...incident,
    state: incident.closed ? 'closed' : isOverdue ? 'overdue' : 'open',
    notices,
    next: nextNotice(notices) ?? null,
  }
}
