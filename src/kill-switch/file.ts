/**
 * Freezes on disk, beside the audit log: what a restart remembers, and, without Redis, how the command line tells the
 * gateway. JSON, mode 0600, replaced whole.
 */
import { dirname, join } from 'node:path'
import { replaceFile } from '../files/atomic.ts'
import { readJsonFile } from '../files/json.ts'
import { giveToFolderOwner } from '../files/owner.ts'
import type { FreezeEntries } from './freeze-entries.ts'
import { isFreezeEntry, subjectOf } from './freeze-entry.ts'

/** Names the file beside this audit log. */
export function freezesFile(auditFile: string): string {
  return join(dirname(auditFile), 'freezes.json')
}

/** Reads all entries, none if there is no file. @throws TypeError if it is not what it should be */
export function readFreezes(path: string): FreezeEntries {
  const entries = readJsonFile(path, 'freezes', (value) =>
    Array.isArray(value) && value.every(isFreezeEntry) ? value : undefined,
  )
  return new Map(entries?.map((entry) => [subjectOf(entry), entry]))
}

/** Replaces the file. @throws what `fs` throws, also if it cannot be made the folder's owner's */
export function writeFreezes(path: string, entries: FreezeEntries): void {
  replaceFile(path, `${JSON.stringify([...entries.values()], null, 1)}\n`)
  giveToFolderOwner(path)
}
