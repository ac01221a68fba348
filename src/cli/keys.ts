/** What the `key` commands share: where the file is, and how a key is shown. */

import { isKeyId } from '../core/key-id.ts'
import { parseDuration } from '../core/units.ts'
import { whileLocked } from '../files/lock.ts'
import { keyId } from '../identity/key.ts'
import { type KeyEntry, keyStatus, readKeyFile, writeKeyFile } from '../identity/key-file.ts'
import { locateKeys } from '../policy/load.ts'
import { type Io, textOf, UsageError, type Values } from './command.ts'

export function readKeys(values: Values, io: Io): readonly KeyEntry[] {
  return readKeyFile(locateKeys(textOf(values, 'config'), io.variables))
}

/**
 * Reads, changes and writes the file while nobody else does.
 * @param change what becomes of the keys there are: the one entry that is new or other
 * @returns that entry, once it is in the file
 */
export function changeKeys(
  values: Values,
  io: Io,
  change: (entries: readonly KeyEntry[]) => KeyEntry,
): KeyEntry {
  const file = locateKeys(textOf(values, 'config'), io.variables)
  return whileLocked(file, () => {
    const entries = readKeyFile(file)
    const changed = change(entries)
    const others = entries.filter(({ id }) => id !== changed.id)
    const at = entries.findIndex(({ id }) => id === changed.id)
    writeKeyFile(file, others.toSpliced(at === -1 ? others.length : at, 0, changed))
    return changed
  })
}

/** @param given an id, or a whole key, which is not repeated anywhere. @throws UsageError */
export function findKey(entries: readonly KeyEntry[], given = ''): KeyEntry {
  const id = keyId(given) ?? given
  const entry = entries.find((each) => each.id === id)
  if (entry) return entry
  throw new UsageError(isKeyId(id) ? `there is no key ${id}` : 'that is not the id of a key')
}

/** @throws UsageError */
export function durationOption(values: Values, name: string): number | undefined {
  const text = textOf(values, name)
  if (text === '') return undefined
  const ms = parseDuration(text)
  if (ms === undefined || ms === 0) throw new UsageError(`--${name} must be a duration such as 30d or 24h`)
  return ms
}

/** Without hashes; `lastUsed` is not recorded yet. */
export function publicView(entry: KeyEntry, nowMs: number) {
  const { id, name, role, created, expires } = entry
  return {
    id,
    name,
    role,
    created,
    expires: expires ?? null,
    lastUsed: null,
    status: keyStatus(entry, nowMs),
  }
}
