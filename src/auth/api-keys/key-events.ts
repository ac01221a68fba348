/**
 * What changed in the files of keys since the log told of them last, as events: the command line changes files and
 * never writes to the log itself. Pure; `change-record.ts` keeps what is known and writes.
 */
import { createHash } from 'node:crypto'
import Type, { type Static } from 'typebox'
import type { RevokedToken } from '../tokens/revoked-tokens.ts'
import type { SigningEntry } from '../tokens/signing-keys.ts'
import { type KeyEntry, keyChanges } from './key-file.ts'

/** The files, as they are now. */
export interface KeyFiles {
  readonly keys: readonly KeyEntry[]
  readonly revoked: readonly RevokedToken[]
  readonly signing: readonly SigningEntry[]
}

/** What the log tells of. */
export const knownKeysSchema = {
  /** By id, what the events below tell of; the secret as a digest of its hash. */
  keys: Type.Record(Type.String(), Type.Record(Type.String(), Type.String())),
  revoked: Type.Array(Type.String()),
  /** By key id, whether what it signed was taken back. */
  signing: Type.Record(Type.String(), Type.Boolean()),
}
const knownKeys = Type.Object(knownKeysSchema)

/** What the audit log tells of keys. */
export type KnownKeys = Static<typeof knownKeys>

/** An event for the audit log. */
export interface KeyEvent {
  readonly event: string
  readonly details: object
  /** When it was done; infinite: the files do not tell. */
  readonly atMs: number
}

/** Notes what the log knows once it tells of these files. */
export function knownKeysOf({ keys, revoked, signing }: KeyFiles): KnownKeys {
  return {
    keys: Object.fromEntries(keys.map((entry) => [entry.id, fieldsOf(entry)])),
    revoked: revoked.map(({ id }) => id),
    signing: Object.fromEntries(signing.map(({ kid, void: isVoid = false }) => [kid, isVoid])),
  }
}

/**
 * Makes an event of each change that the log does not tell of yet.
 * @param known undefined at the first start: then only what says who did it is news, and not all that was ever
 * made
 */
export function keyNews(known: KnownKeys | undefined, files: KeyFiles): KeyEvent[] {
  const ids = new Set(files.keys.map(({ id }) => id))
  const removed = Object.keys(known?.keys ?? {}).filter((id) => !ids.has(id))
  return [
    ...files.keys.flatMap((entry) => eventsOf(known, entry)),
    ...removed.map((key) => undated('key removed', { key, by: null })),
    ...files.revoked.flatMap((token) => revocationEvents(known, token)),
    ...files.signing.flatMap((entry) => signingEvents(known, entry)),
  ]
}

function dated(event: string, at: string, details: object): KeyEvent {
  return { event, details: { ...details, at }, atMs: Date.parse(at) }
}

function undated(event: string, details: object): KeyEvent {
  return { event, details, atMs: Number.POSITIVE_INFINITY }
}

function eventsOf(known: KnownKeys | undefined, entry: KeyEntry): KeyEvent[] {
  const before = known?.keys[entry.id]
  const { id: key, role } = entry
  const done = keyChanges.flatMap((change) => {
    const at = entry[change]
    const by = entry.by?.[change]
    if (at === undefined || at === before?.[change] || (!known && by === undefined)) return []
    return [dated(`key ${change}`, at, { key, role, by: by ?? null })]
  })
  if (!before) return done
  const now = fieldsOf(entry)
  const names = [...new Set([...Object.keys(before), ...Object.keys(now)])]
  // A new secret comes with its time; whoever takes a time away, or writes another role, did so with an editor.
  const edited = names.filter((name) => {
    if (before[name] === now[name]) return false
    if (name === 'secret') return before.rotated === now.rotated
    return now[name] === undefined || !keyChanges.some((change) => change === name)
  })
  if (edited.length === 0) return done
  return [...done, undated('key edited', { key, role, changed: edited, by: null })]
}

function fieldsOf({ sha256, networks, previous: _, by: __, ...fields }: KeyEntry): Record<string, string> {
  return {
    ...fields,
    secret: createHash('sha256').update(sha256).digest('hex').slice(0, 16),
    ...(networks === undefined ? {} : { networks: networks.join(' ') }),
  }
}

function revocationEvents(known: KnownKeys | undefined, { id, revoked, by }: RevokedToken): KeyEvent[] {
  if (known ? known.revoked.includes(id) : by === undefined) return []
  return [dated('token revoked', new Date(revoked).toISOString(), { token: id, by: by ?? null })]
}

function signingEvents(known: KnownKeys | undefined, entry: SigningEntry): KeyEvent[] {
  const { kid, created, by, voidBy } = entry
  const before = known?.signing[kid]
  const isVoid = entry.void === true
  const at = new Date(created).toISOString()
  return [
    ...(before === undefined && (known !== undefined || by !== undefined)
      ? [dated('signing key made', at, { kid, by: by ?? null })]
      : []),
    ...(isVoid && before !== true && (known !== undefined || voidBy !== undefined)
      ? [undated('signing key voided', { kid, by: voidBy ?? null })]
      : []),
  ]
}
