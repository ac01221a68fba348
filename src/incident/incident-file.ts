/**
 * Incidents, beside the audit log: `FILE.incidents/incidents.json` (mode 0600, replaced whole) has all of them, and each has a
 * folder `FILE.incidents/ID` for what was preserved when it was opened.
 */
import { join } from 'node:path'
import Type from 'typebox'
import Value from 'typebox/value'
import { replaceFile } from '../files/atomic.ts'
import { makeStateFolder } from '../files/folder.ts'
import { readJsonFile } from '../files/json.ts'
import { whileLocked } from '../files/lock.ts'
import { giveToFolderOwner } from '../files/owner.ts'
import { type Incident, incidentSchema } from './incident.ts'

const maxIncidents = 1000
const fileSchema = Type.Object(
  { version: Type.Literal(1), incidents: Type.Array(incidentSchema, { maxItems: maxIncidents }) },
  { additionalProperties: false },
)

/** Names the folder beside this audit log. */
export function incidentsFolder(auditFile: string): string {
  return `${auditFile}.incidents`
}

/** Names the file with all incidents. */
export function incidentsFile(auditFile: string): string {
  return join(incidentsFolder(auditFile), 'incidents.json')
}

/**
 * Keeps a file in the folder of an incident.
 * @throws what `fs` throws
 */
export function keepInFolder(auditFile: string, { id }: Incident, name: string, text: string): void {
  const folder = join(incidentsFolder(auditFile), id)
  makeStateFolder(incidentsFolder(auditFile))
  makeStateFolder(folder)
  giveToFolderOwner(folder)
  const path = join(folder, name)
  replaceFile(path, text)
  giveToFolderOwner(path)
}

/** Reads all incidents, the oldest first. @throws TypeError if the file is not what it should be */
export function readIncidents(auditFile: string): readonly Incident[] {
  return (
    readJsonFile(incidentsFile(auditFile), 'incidents', (value) =>
      Value.Check(fileSchema, value) ? value.incidents : undefined,
    ) ?? []
  )
}

/** Adds an incident. @throws Error if there are too many, and what `fs` throws */
export function addIncident(auditFile: string, incident: Incident): Promise<void> {
  return change(auditFile, (incidents) => {
    if (incidents.length >= maxIncidents)
      throw new Error(
        `${incidentsFile(auditFile)} has ${maxIncidents} incidents; move it away to begin another`,
      )
    return [...incidents, incident]
  })
}

/**
 * Changes one incident as it is now.
 * @param make throws if it cannot be changed so
 * @returns what it is then; undefined if there is none of this id
 */
export async function changeIncident(
  auditFile: string,
  id: string,
  make: (incident: Incident) => Incident,
): Promise<Incident | undefined> {
  let changed: Incident | undefined
  await change(auditFile, (incidents) =>
    incidents.map((each) => {
      if (each.id !== id) return each
      changed = make(each)
      return changed
    }),
  )
  return changed
}

function change(
  auditFile: string,
  make: (incidents: readonly Incident[]) => readonly Incident[],
): Promise<void> {
  const path = incidentsFile(auditFile)
  makeStateFolder(incidentsFolder(auditFile))
  giveToFolderOwner(incidentsFolder(auditFile))
  return whileLocked(path, () => {
    const incidents = make(readIncidents(auditFile))
    replaceFile(path, `${JSON.stringify({ version: 1, incidents }, null, 1)}\n`)
    giveToFolderOwner(path)
  })
}
