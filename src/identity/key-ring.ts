/**
 * The keys as a request sees them. Looks one up in constant time with respect to the secret, and does the
 * same work for an id that does not exist.
 */
import { timingSafeEqual } from 'node:crypto'
import type { CredentialFault, Identity } from './identity.ts'
import { hashKey, keyId } from './key.ts'
import type { KeyEntry } from './key-file.ts'

export interface KeyRing {
  readonly size: number
  /** `key` as the caller sent it, of any length. */
  identify(key: string, nowMs: number): Identity | CredentialFault
}

interface Held {
  readonly identity: Identity
  readonly hash: Buffer
  readonly previous: { readonly hash: Buffer; readonly untilMs: number } | undefined
  readonly expiresMs: number
  readonly revoked: boolean
}

const nobody = Buffer.alloc(32)

export function createKeyRing(entries: readonly KeyEntry[]): KeyRing {
  const held = new Map(entries.map((entry) => [entry.id, hold(entry)]))
  return {
    size: held.size,
    identify(key, nowMs) {
      const id = keyId(key)
      if (id === undefined) return 'malformed'
      const found = held.get(id)
      const hash = hashKey(key)
      const current = timingSafeEqual(hash, found?.hash ?? nobody)
      const before = timingSafeEqual(hash, found?.previous?.hash ?? nobody)
      if (!found) return 'unknown'
      if (!current && !before) return 'wrong'
      if (found.revoked) return 'revoked'
      if (nowMs >= found.expiresMs) return 'expired'
      if (!current && nowMs >= (found.previous?.untilMs ?? 0)) return 'expired'
      return found.identity
    },
  }
}

function hold(entry: KeyEntry): Held {
  return {
    identity: { kind: 'key', id: entry.id, name: entry.name, role: entry.role },
    hash: Buffer.from(entry.sha256, 'hex'),
    previous: entry.previous && {
      hash: Buffer.from(entry.previous.sha256, 'hex'),
      untilMs: Date.parse(entry.previous.until),
    },
    expiresMs: entry.expires === undefined ? Number.POSITIVE_INFINITY : Date.parse(entry.expires),
    revoked: entry.revoked !== undefined,
  }
}
