/** What the `incident` commands share: naming an incident, and telling of one. */
import { createMasker, findSensitive } from '../../detect/sensitive/mask.ts'
import { type Incident, type IncidentView, incidentView } from '../../incident/incident.ts'
import { readIncidents } from '../../incident/incident-file.ts'
import { type Notice, noticeNames } from '../../incident/notices.ts'
import { UsageError } from '../command.ts'

/** The file in an incident's folder that says where the log stood when it was opened. */
export const checkpointName = 'checkpoint.json'

/** The argument of commands that may leave out the id of the only open incident. */
export const idArgument = '[id]'

/**
 * Finds the incident that is meant: the one of this id, or the only one that is open.
 * @throws UsageError
 */
export function incidentMeant(auditFile: string, id: string | undefined): Incident {
  const incidents = readIncidents(auditFile)
  if (id !== undefined) {
    const found = incidents.find((each) => each.id === id)
    if (found) return found
    throw new UsageError(`There is no incident ${id}. Run \`torwart incident list --all\` to see ids.`)
  }
  const open = incidents.filter(({ closed }) => closed === null)
  const [only] = open
  if (only && open.length === 1) return only
  if (!only) throw new UsageError('No incident is open. Name one: `torwart incident list --all` has the ids.')
  throw new UsageError(`Say which incident: ${open.map((each) => each.id).join(', ')}.`)
}

/** Masks what a person wrote, as in the log. */
export function masked(text: string): string {
  return createMasker(findSensitive).mask(text)
}

const nameWidth = Math.max(...noticeNames.map((name) => name.length))
const hourSeconds = 3600
const daySeconds = 24 * hourSeconds

/** Describes a clock in a line. */
export function noticeInWords({ notice, title, law, due, sent, state, leftSeconds }: Notice): string {
  const clock =
    state === 'sent'
      ? `sent ${sent}`
      : state === 'stopped'
        ? 'not sent'
        : state === 'overdue'
          ? `OVERDUE by ${durationInWords(-(leftSeconds ?? 0))}`
          : `in ${durationInWords(leftSeconds ?? 0)}`
  return `  ${due}  ${notice.padEnd(nameWidth)}  ${clock} (${title}: ${law})`
}

function durationInWords(seconds: number): string {
  // The periods of 72 hours are counted in hours.
  if (seconds > 4 * daySeconds) return `${Math.floor(seconds / daySeconds)} days`
  if (seconds >= hourSeconds) return `${Math.floor(seconds / hourSeconds)} h`
  return `${Math.floor(seconds / 60)} min`
}

/** Describes an incident and its clocks. */
export function incidentInWords(incident: Incident, nowMs: number): string {
  const view = incidentView(incident, nowMs)
  return [headOf(view), ...view.notices.map(noticeInWords)].join('\n')
}

function headOf({ id, state, why, key, person, aware, closed }: IncidentView): string {
  const about = [...(key === null ? [] : [`key ${key}`]), ...(person === null ? [] : [`person ${person}`])]
  const end = closed ? `closed ${closed.at}: ${closed.why}` : state === 'overdue' ? 'open, OVERDUE' : 'open'
  return `${id}  ${end}\n  ${[why, ...about].join('; ')}; known since ${aware}`
}
