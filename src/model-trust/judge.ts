/**
 * Whether a model server serves the version of a model that is in the lock, from what the server tells: the digest of its
 * manifest and, of Ollama, that of the version in memory. What cannot be told is not trusted.
 */
import type { ServerKind } from '../core/servers.ts'
import { lockedAt } from './lock/lock.ts'
import type { LockState } from './lock/lock-file.ts'
import { digestOf } from './parts.ts'

/** What a server has told of its models, all of it at the same time. */
export interface KnownModels {
  /** By canonical name; undefined until it has told once. */
  readonly listed: ReadonlyMap<string, { readonly digest: string | null }> | undefined
  /** Digests of the versions that are in memory, by name. */
  readonly loaded: ReadonlyMap<string, string | null>
  /** Monotonic milliseconds. */
  readonly toldAtMs: number
}

/** Why a model is not trusted. */
export type Doubt =
  /** The server has another version than the lock. */
  | { readonly kind: 'drifted'; readonly was: string; readonly is: string | null }
  /** Another version than that of the lock is in memory. */
  | { readonly kind: 'loaded'; readonly was: string; readonly is: string | null }
  | { readonly kind: 'unlocked'; readonly is: string | null }
  /** Servers of its kind tell nothing that sets versions apart. */
  | { readonly kind: 'unverifiable' }
  /** No signed test run admits the version. */
  | { readonly kind: 'untested'; readonly why: string }
  /** The lock file is missing or broken. */
  | { readonly kind: 'no lock'; readonly why: string }
  /** The server has not told its models for so long that what is known of them may be old. */
  | { readonly kind: 'unknown' }

/** After so long without an answer of the server, nothing is known of its models. */
export const maxSilenceMs = 30_000

/** A model at a server. */
export interface Place {
  /** Canonical name. */
  readonly model: string
  readonly kind: ServerKind
  readonly upstream: string
}

/** Tells whether a doubt says something of the model, and not only that its server is silent. */
export function isDrift(doubt: Doubt | undefined): boolean {
  return doubt !== undefined && doubt.kind !== 'unknown'
}

/** Tells why a lock file cannot be used. */
export function lockFaultOf(lock: Exclude<LockState, { readonly state: 'read' }>): string {
  return lock.state === 'missing' ? 'the lock file is missing' : lock.reason
}

/** Judges a model at a server. @returns why it is not trusted; undefined: it is */
export function judge(place: Place, known: KnownModels, lock: LockState, nowMs: number): Doubt | undefined {
  if (lock.state !== 'read') return { kind: 'no lock', why: lockFaultOf(lock) }
  const { model: name, kind, upstream } = place
  if (kind !== 'ollama') return { kind: 'unverifiable' }
  const { listed, loaded, toldAtMs } = known
  if (!listed || nowMs - toldAtMs > maxSilenceMs) return { kind: 'unknown' }
  const is = digestOf(listed.get(name)?.digest) ?? null
  const locked = lockedAt(lock.lock, { name, kind, upstream, digest: is ?? undefined })
  if (!locked) return { kind: 'unlocked', is }
  const { digest: was } = locked
  if (is !== was) return { kind: 'drifted', was, is }
  const inMemory = loaded.has(name) ? (digestOf(loaded.get(name)) ?? null) : was
  // Ollama keeps the version before in memory for a while after an accepted change.
  if (inMemory === was || (inMemory !== null && inMemory === locked.accepted?.was)) return undefined
  return { kind: 'loaded', was, is: inMemory }
}

/** Tells operators why a model is not trusted. */
export function inWords(doubt: Doubt): string {
  switch (doubt.kind) {
    case 'drifted':
      return 'the model server has another version than the lock file'
    case 'loaded':
      return 'another version than that of the lock file is in memory'
    case 'unlocked':
      return 'not in the lock file'
    case 'unverifiable':
      return 'servers of its kind do not tell which version they serve'
    case 'untested':
    case 'no lock':
      return doubt.why
    case 'unknown':
      return 'the model server does not tell its models'
  }
}
