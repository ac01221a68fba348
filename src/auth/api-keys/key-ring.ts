/**
 * The keys as a request sees them. Looks one up in constant time with respect to the secret, and does the
 * same work for an id that does not exist.
 */
import { timingSafeEqual } from 'node:crypto'
import { type Networks, networksOf } from '../../policy/networks.ts'
import { type CredentialFault, holderOf, type Identity } from '../identity.ts'
import type { RevokedToken } from '../tokens/revoked-tokens.ts'
import type { Token } from '../tokens/token.ts'
import { hashKey, keyId } from './key.ts'
import { type KeyEntry, keyStatus } from './key-file.ts'

/** The keys of a snapshot, by id. */
export interface KeyRing {
  readonly size: number
  /** `key` as the caller sent it, of any length; `peer` is where it came from. */
  identify(key: string, nowMs: number, peer: string): Identity | CredentialFault
  /** The same of a key that was identified before, by its id and its hash: it may have been changed since. */
  recognise(known: KnownKey, nowMs: number, peer: string): Identity | CredentialFault
  /** Who a token is: its key must be good, and nothing on the way revoked. Whether it has expired is known already. */
  bearer(token: Token, nowMs: number, peer: string): Identity | CredentialFault
  /** When a key that was identified stops being good, in epoch milliseconds: one before the last rotation ends sooner. */
  endsAt(key: string): number
  /** Whether a key or token that was good has been taken away since. */
  isWithdrawn(identity: Identity): boolean
}

/** What a session remembers of the key that it was opened with. */
export interface KnownKey {
  readonly id: string
  /** As `hashKey` makes it. */
  readonly hash: Buffer
}

interface HeldKey {
  readonly identity: Identity
  readonly hash: Buffer
  /** The latest first; never empty, so that who has none takes as long. */
  readonly previous: readonly [PreviousHash, ...PreviousHash[]]
  readonly expiresMs: number
  /** When it got the secret it has; whole seconds, as tokens say when they were made. */
  readonly rotatedMs: number
  readonly fault: 'revoked' | 'disabled' | undefined
  readonly networks: Networks | undefined
}

interface PreviousHash {
  readonly hash: Buffer
  /** When the key got it, as `rotatedMs`. */
  readonly fromMs: number
  readonly untilMs: number
}

const nobody = Buffer.alloc(32)
const nothing: PreviousHash = { hash: nobody, fromMs: Number.POSITIVE_INFINITY, untilMs: 0 }
/** Whether it has expired is asked at every use. */
const faults = { revoked: 'revoked', disabled: 'disabled', active: undefined, expired: undefined } as const

/** Makes the ring of a key file. Hashes are compared in constant time. */
export function createKeyRing(entries: readonly KeyEntry[], revoked: readonly RevokedToken[] = []): KeyRing {
  const held = new Map(entries.map((entry) => [entry.id, hold(entry)]))
  const gone = new Set(revoked.map(({ id }) => id))
  const recognise: KeyRing['recognise'] = ({ id, hash }, nowMs, peer) => {
    const found = held.get(id)
    const current = timingSafeEqual(hash, found?.hash ?? nobody)
    const before = previousOf(hash, found?.previous ?? [nothing])
    if (!found) return 'unknown'
    if (!current && !before) return 'wrong'
    if (!current && nowMs >= (before?.untilMs ?? 0)) return 'expired'
    return faultOf(found, nowMs, peer) ?? found.identity
  }
  return {
    size: held.size,
    recognise,
    identify(key, nowMs, peer) {
      const id = keyId(key)
      return id === undefined ? 'malformed' : recognise({ id, hash: hashKey(key) }, nowMs, peer)
    },
    bearer({ id, key, grants, issuedMs }, nowMs, peer) {
      const found = held.get(key)
      if (!found) return 'unknown'
      // Made from a secret before the one it has: no better than that.
      if (issuedMs < found.rotatedMs) {
        const madeFrom = found.previous.find(({ fromMs }) => fromMs <= issuedMs)
        if (nowMs >= (madeFrom?.untilMs ?? 0)) return 'revoked'
      }
      if (grants.some((grant) => gone.has(grant.id))) return 'revoked'
      const from = [key, ...grants.slice(0, -1).map((grant) => grant.id)]
      return faultOf(found, nowMs, peer) ?? { ...found.identity, kind: 'token', id, from }
    },
    endsAt(key) {
      const found = held.get(keyId(key) ?? '')
      if (!found) return 0
      const hash = hashKey(key)
      if (timingSafeEqual(hash, found.hash)) return found.expiresMs
      return Math.min(found.expiresMs, previousOf(hash, found.previous)?.untilMs ?? 0)
    },
    isWithdrawn(identity) {
      if (identity.kind !== 'key' && identity.kind !== 'token') return false
      const key = held.get(holderOf(identity))
      const tokens = [identity.id, ...(identity.from ?? [])]
      return key === undefined || key.fault !== undefined || tokens.some((id) => gone.has(id))
    },
  }
}

function faultOf({ fault, expiresMs, networks }: HeldKey, nowMs: number, peer: string) {
  if (fault) return fault
  if (nowMs >= expiresMs) return 'expired'
  return networks && !networks.hold(peer) ? 'elsewhere' : undefined
}

/** Looks at all of them, whichever it is. */
function previousOf(hash: Buffer, previous: readonly PreviousHash[]): PreviousHash | undefined {
  let found: PreviousHash | undefined
  for (const secret of previous) if (timingSafeEqual(hash, secret.hash)) found = secret
  return found
}

function hold(entry: KeyEntry): HeldKey {
  const [first = nothing, ...others] = (entry.previous ?? []).map(({ sha256, until, rotated }) => ({
    hash: Buffer.from(sha256, 'hex'),
    fromMs: wholeSeconds(rotated),
    untilMs: Date.parse(until),
  }))
  return {
    identity: {
      kind: 'key',
      id: entry.id,
      name: entry.name,
      role: entry.role,
      ...(entry.purpose === undefined ? {} : { purpose: entry.purpose }),
    },
    hash: Buffer.from(entry.sha256, 'hex'),
    previous: [first, ...others],
    expiresMs: entry.expires === undefined ? Number.POSITIVE_INFINITY : Date.parse(entry.expires),
    rotatedMs: wholeSeconds(entry.rotated),
    fault: faults[keyStatus(entry, 0)],
    networks: entry.networks && networksOf(entry.networks),
  }
}

function wholeSeconds(time: string | undefined): number {
  return time === undefined ? 0 : Math.floor(Date.parse(time) / 1000) * 1000
}
