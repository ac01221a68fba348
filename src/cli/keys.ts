/** What the `key` commands share: where the file is, and how a key is shown. */

import { parseDuration } from '../core/units.ts'
import { type KeyEntry, keyStatus, readKeyFile, writeKeyFile } from '../identity/key-file.ts'
import { loadPolicy } from '../policy/load.ts'
import type { Policy } from '../policy/policy.ts'
import { type Io, textOf, UsageError, type Values } from './command.ts'

export interface Keys {
  readonly policy: Policy
  readonly entries: readonly KeyEntry[]
  save(entries: readonly KeyEntry[]): void
}

export function openKeys(values: Values, io: Io): Keys {
  const { policy } = loadPolicy(textOf(values, 'config'), io.variables)
  return {
    policy,
    entries: readKeyFile(policy.keysFile),
    save: (entries) => writeKeyFile(policy.keysFile, entries),
  }
}

/** @throws UsageError */
export function findKey({ entries }: Keys, id: string | undefined): KeyEntry {
  const entry = entries.find((each) => each.id === id)
  if (!entry) throw new UsageError(`there is no key ${id}`)
  return entry
}

/** @throws UsageError */
export function durationOption(values: Values, name: string): number | undefined {
  const text = textOf(values, name)
  if (text === '') return undefined
  const ms = parseDuration(text)
  if (ms === undefined) throw new UsageError(`--${name} must be a duration such as 30d or 24h`)
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
