/** A key as it may be shown: without its hash. */
import { type KeyEntry, type KeyStatus, keyStatus } from './key-file.ts'
import type { Uses } from './usage.ts'

/** A key as the admin API and commands show it. */
export interface KeyView {
  readonly id: string
  readonly name: string
  readonly role: string
  /** Null: what its role is for. */
  readonly purpose: string | null
  readonly created: string
  readonly expires: string | null
  /** Within some seconds; null: never, or not since uses are counted. */
  readonly lastUsed: string | null
  readonly uses: number
  readonly networks: readonly string[]
  readonly status: KeyStatus
  /** Until when a secret before the last rotation is taken, too; null: none is. */
  readonly oldSecretUntil: string | null
}

/** Shows a key at `nowMs` (epoch milliseconds), without its hash. */
export function keyView(entry: KeyEntry, uses: Uses, nowMs: number): KeyView {
  const { id, name, role, purpose, created, expires, networks = [] } = entry
  const use = uses.get(id)
  const status = keyStatus(entry, nowMs)
  const until = (entry.previous ?? [])
    .map((secret) => secret.until)
    .toSorted((a, b) => Date.parse(b) - Date.parse(a))[0]
  return {
    id,
    name,
    role,
    purpose: purpose ?? null,
    created,
    expires: expires ?? null,
    lastUsed: use ? new Date(use.last).toISOString() : null,
    uses: use?.count ?? 0,
    networks,
    status,
    oldSecretUntil: status === 'active' && until !== undefined && nowMs < Date.parse(until) ? until : null,
  }
}

/** Whether nobody has used it for so long; one that is younger has had no time to be. */
export function isUnused({ lastUsed, created, status }: KeyView, forMs: number, nowMs: number): boolean {
  return status === 'active' && nowMs - Date.parse(lastUsed ?? created) >= forMs
}
