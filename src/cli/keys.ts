/** What the `key` commands share: where the file is, and how a key is shown. */

import { isKeyId } from '../core/key-id.ts'
import { parseDuration } from '../core/units.ts'
import { keyId } from '../identity/key.ts'
import { changeKeyFile, KeyProblem } from '../identity/key-changes.ts'
import { type KeyEntry, readKeyFile } from '../identity/key-file.ts'
import { type KeyView, keyView } from '../identity/key-view.ts'
import { KeysAway, type SharedKeys, shareKeys } from '../identity/shared-keys.ts'
import { readUses, usesFile } from '../identity/uses.ts'
import { locateKeys, locateSharedKeys } from '../policy/load.ts'
import { type Io, textOf, UsageError, type Values } from './command.ts'

export function readKeys(values: Values, io: Io): readonly KeyEntry[] {
  return readKeyFile(locateKeys(textOf(values, 'config'), io.variables))
}

/** All keys, as they may be shown. */
export function viewKeys(values: Values, io: Io, nowMs: number): readonly KeyView[] {
  const file = locateKeys(textOf(values, 'config'), io.variables)
  const uses = readUses(usesFile(file))
  return readKeyFile(file).map((entry) => keyView(entry, uses, nowMs))
}

/** @returns what became of the key, once it is in the file. @throws UsageError */
export async function changeKeys(
  values: Values,
  io: Io,
  change: (entries: readonly KeyEntry[]) => KeyEntry,
): Promise<KeyEntry> {
  const file = locateKeys(textOf(values, 'config'), io.variables)
  try {
    return await withSharedKeys(values, io, async (shared) => {
      const entry = await changeKeyFile(file, change)
      await shared?.put(entry)
      return entry
    })
  } catch (error) {
    throw error instanceof KeyProblem ? new UsageError(error.message) : error
  }
}

/**
 * Does something to the files that hold keys, if need be after they were brought up to what Redis has.
 * @param work gets undefined where keys are in files alone
 * @throws KeysAway before anything was done
 */
export async function withSharedKeys<T>(
  values: Values,
  io: Io,
  work: (shared: SharedKeys | undefined) => Promise<T>,
): Promise<T> {
  const config = textOf(values, 'config')
  const servers = locateSharedKeys(config, io.variables)
  if (!servers) return work(undefined)
  const file = locateKeys(config, io.variables)
  const shared = shareKeys(
    servers,
    () => file,
    () => {},
  )
  try {
    await patiently(() => shared.synchronise())
    return await work(shared)
  } finally {
    shared.close()
  }
}

const connectMs = 3000
const retryMs = 50

/** A connection that was just made is not there yet. */
async function patiently(ask: () => Promise<unknown>): Promise<void> {
  const end = Date.now() + connectMs
  for (;;) {
    try {
      await ask()
      return
    } catch (error) {
      if (!(error instanceof KeysAway) || Date.now() > end) throw error
      await new Promise((resolve) => setTimeout(resolve, retryMs))
    }
  }
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
