/**
 * Orders on disk, beside the audit log: what a restart remembers, and, without Redis, how the command line tells the
 * gateway. JSON, mode 0600, replaced whole.
 */
import { chownSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { replaceFile } from '../files/atomic.ts'
import { readJsonFile } from '../files/json.ts'
import type { Orders } from './freeze-entries.ts'
import { isOrder, subjectOf } from './freeze-entry.ts'

/** @param auditFile as the policy says it */
export function freezesFile(auditFile: string): string {
  return join(dirname(auditFile), 'freezes.json')
}

/** @returns none if there is no file. @throws TypeError if it is not what it should be */
export function readFreezes(path: string): Orders {
  const orders = readJsonFile(path, 'freezes', (value) =>
    Array.isArray(value) && value.every(isOrder) ? value : undefined,
  )
  return new Map(orders?.map((order) => [subjectOf(order), order]))
}

/** @throws Error if it cannot be made the folder's owner's */
export function writeFreezes(path: string, orders: Orders): void {
  replaceFile(path, `${JSON.stringify([...orders.values()], null, 1)}\n`)
  // Written by root, it must be the gateway's to read all the same.
  const { uid, gid } = statSync(dirname(path))
  if (statSync(path).uid !== uid) chownSync(path, uid, gid)
}
