/**
 * The keys as a request sees them. Looks one up in constant time with respect to the secret, and does the
 * same work for an id that does not exist.
 */
import { timingSafeEqual } from 'node:crypto'
import { type Networks, networksOf } from '../policy/networks.ts'
import { type CredentialFault, holderOf, type Identity } from './identity.ts'
import { hashKey, keyId } from './key.ts'
import { type KeyEntry, keyStatus } from './key-file.ts'
import type { RevokedToken } from './revoked-tokens.ts'
import type { Token } from './token.ts'

export interface KeyRing {
  readonly size: number
  /** `key` as the caller sent it, of any length; `peer` is where it came from. */
  identify(key: string, nowMs: number, peer: string): Identity | CredentialFault
  /** Who a token is: its key must be good, and nothing on the way revoked. Whether it has expired is known already. */
  bearer(token: Token, nowMs: number, peer: string): Identity | CredentialFault
  /** When a key that was identified stops being good, in epoch milliseconds: one before the last rotation ends sooner. */
  endsAt(key: string): number
  /** Whether a key or token that was good has been taken away since. */
  isWithdrawn(identity: Identity): boolean
}

interface Held {
  readonly identity: Identity
  readonly hash: Buffer
  readonly previous: { readonly hash: Buffer; readonly untilMs: number } | undefined
  readonly expiresMs: number
  /** When it got the secret it has; whole seconds, as tokens say when they were made. */
  readonly rotatedMs: number
  readonly fault: 'revoked' | 'disabled' | undefined
  readonly networks: Networks | undefined
}

const nobody = Buffer.alloc(32)
/** Whether it has expired is asked at every use. */
const faults = { revoked: 'revoked', disabled: 'disabled', active: undefined, expired: undefined } as const

export function createKeyRing(entries: readonly KeyEntry[], revoked: readonly RevokedToken[] = []): KeyRing {
  const held = new Map(entries.map((entry) => [entry.id, hold(entry)]))
  const gone = new Set(revoked.map(({ id }) => id))
  return {
    size: held.size,
    identify(key, nowMs, peer) {
      const id = keyId(key)
      if (id === undefined) return 'malformed'
      const found = held.get(id)
      const hash = hashKey(key)
      const current = timingSafeEqual(hash, found?.hash ?? nobody)
      const before = timingSafeEqual(hash, found?.previous?.hash ?? nobody)
      if (!found) return 'unknown'
      if (!current && !before) return 'wrong'
      if (!current && nowMs >= (found.previous?.untilMs ?? 0)) return 'expired'
      return faultOf(found, nowMs, peer) ?? found.identity
    },
    bearer({ id, key, grants, issuedMs }, nowMs, peer) {
      const found = held.get(key)
      if (!found) return 'unknown'
      // Made from the secret before the last rotation: no better than that.
      if (issuedMs < found.rotatedMs && nowMs >= (found.previous?.untilMs ?? 0)) return 'revoked'
      if (grants.some((grant) => gone.has(grant.id))) return 'revoked'
      const { name, role } = found.identity
      const from = [key, ...grants.slice(0, -1).map((grant) => grant.id)]
      return faultOf(found, nowMs, peer) ?? { kind: 'token', id, name, role, from }
    },
    endsAt(key) {
      const found = held.get(keyId(key) ?? '')
      if (!found) return 0
      if (timingSafeEqual(hashKey(key), found.hash)) return found.expiresMs
      return Math.min(found.expiresMs, found.previous?.untilMs ?? 0)
    },
    isWithdrawn(identity) {
      if (identity.kind !== 'key' && identity.kind !== 'token') return false
      const key = held.get(holderOf(identity))
      const tokens = [identity.id, ...(identity.from ?? [])]
      return key === undefined || key.fault !== undefined || tokens.some((id) => gone.has(id))
    },
  }
}

function faultOf({ fault, expiresMs, networks }: Held, nowMs: number, peer: string) {
  if (fault) return fault
  if (nowMs >= expiresMs) return 'expired'
  return networks && !networks.hold(peer) ? 'elsewhere' : undefined
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
    rotatedMs: entry.rotated === undefined ? 0 : Math.floor(Date.parse(entry.rotated) / 1000) * 1000,
    fault: faults[keyStatus(entry, 0)],
    networks: entry.networks && networksOf(entry.networks),
  }
}
