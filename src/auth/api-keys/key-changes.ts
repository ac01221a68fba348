/** What becomes of a key by hand: on the command line and in the admin API, the same. */
import { whileLocked } from '../../files/lock.ts'
import { isNetwork } from '../../policy/networks.ts'
import { authorName } from '../author.ts'
import { hashKey, mintKey } from './key.ts'
import {
  isKeyEntry,
  type KeyChange,
  type KeyEntry,
  keyStatus,
  maxPrevious,
  readKeyFile,
  writeKeyFile,
} from './key-file.ts'

/** A request that makes no sense, told to whoever made it. */
export class KeyProblem extends Error {
  override readonly name = 'KeyProblem'
}

/** What is to last longer has no end. */
const maxLifeMs = 100 * 365 * 86_400_000

/** What a new key is to be. */
export interface NewKeyRequest {
  readonly name: string
  readonly role: string
  /** What it is for; absent: what its role is for. */
  readonly purpose?: string | undefined
  readonly lifeMs: number | undefined
  readonly networks: readonly string[]
}

/** The key itself is to be shown once; the entry keeps its hash. */
export interface MadeKey {
  readonly entry: KeyEntry
  readonly key: string
}

/** A change is told with its author, who may not write lines of their own into lists and logs. */
function doneBy(entry: KeyEntry, change: KeyChange, by: string): KeyEntry {
  const author = authorName(by)
  return author === '' ? entry : { ...entry, by: { ...entry.by, [change]: author } }
}

/** Makes a key, and its entry. @throws KeyProblem */
export function createdKey(wish: NewKeyRequest, nowMs: number, by = ''): MadeKey {
  const { name, role, purpose, lifeMs, networks } = wish
  // What a terminal would obey must not get into a list or a log.
  if (!isLine(name, 128))
    throw new KeyProblem('The name must have 1 to 128 characters and no control characters.')
  if (purpose !== undefined && !isLine(purpose, 200))
    throw new KeyProblem('The purpose must have 1 to 200 characters and no control characters.')
  if (networks.length > 64 || !networks.every(isNetwork))
    throw new KeyProblem('Networks must be addresses or networks such as 10.0.0.0/8, at most 64.')
  if ((lifeMs ?? 0) > maxLifeMs)
    throw new KeyProblem('The lifetime of a key must be at most a hundred years.')
  const { id, key } = mintKey()
  const entry: KeyEntry = {
    id,
    name,
    role,
    ...(purpose === undefined ? {} : { purpose }),
    sha256: hashKey(key).toString('hex'),
    created: new Date(nowMs).toISOString(),
    ...(lifeMs === undefined ? {} : { expires: new Date(nowMs + lifeMs).toISOString() }),
    ...(networks.length === 0 ? {} : { networks: [...networks] }),
  }
  return { entry: doneBy(entry, 'created', by), key }
}

function isLine(text: string, maxLength: number): boolean {
  return text.trim() !== '' && text.length <= maxLength && !/[\p{C}\p{Zl}\p{Zp}]/u.test(text)
}

/**
 * Makes a new secret for the same key. Those before the old one keep the grace they were given, unless the old
 * one gets none: then none of them is taken any more.
 * @param graceMs how long the old one still works.
 * @throws KeyProblem
 */
export function rotatedKey(entry: KeyEntry, graceMs: number, nowMs: number, by = ''): MadeKey {
  const { previous: before = [], ...old } = entry
  const status = keyStatus(old, nowMs)
  if (status !== 'active') throw new KeyProblem(`Key ${old.id} is ${status}.`)
  if (graceMs > maxLifeMs) throw new KeyProblem('The grace period must be at most a hundred years.')
  const { key } = mintKey(old.id)
  const { sha256, rotated: given } = old
  const replaced = {
    sha256,
    until: timeOf(nowMs + graceMs),
    ...(given === undefined ? {} : { rotated: given }),
  }
  const previous = graceMs > 0 ? [replaced, ...before.filter(({ until }) => nowMs < Date.parse(until))] : []
  if (previous.length > maxPrevious)
    throw new KeyProblem(
      `${maxPrevious} earlier secrets of key ${old.id} are taken already; without a grace they all end`,
    )
  const made = {
    ...old,
    sha256: hashKey(key).toString('hex'),
    rotated: timeOf(nowMs),
    ...(previous.length > 0 ? { previous } : {}),
  }
  return { key, entry: doneBy(made, 'rotated', by) }
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString()
}

/** Revokes a key. It stays in the file, so that the log can be read. */
export function revokedKey(entry: KeyEntry, nowMs: number, by = ''): KeyEntry {
  if (entry.revoked !== undefined) return entry
  return doneBy({ ...entry, revoked: timeOf(nowMs) }, 'revoked', by)
}

/** Switches a key off until it is enabled again. */
export function disabledKey(entry: KeyEntry, nowMs: number, by = ''): KeyEntry {
  return doneBy({ ...entry, disabled: timeOf(nowMs) }, 'disabled', by)
}

/** Enables a key that was disabled. @throws KeyProblem for what is not disabled but revoked */
export function enabledKey(entry: KeyEntry, nowMs: number, by = ''): KeyEntry {
  if (entry.revoked !== undefined) throw new KeyProblem(`Key ${entry.id} is revoked. Create a new one.`)
  const after = Math.max(nowMs, entry.disabled === undefined ? 0 : Date.parse(entry.disabled) + 1)
  return doneBy({ ...entry, enabled: timeOf(after) }, 'enabled', by)
}

/**
 * Reads, changes and writes the file while nobody else does.
 * @param change what becomes of the keys there are: the one entry that is new or other
 * @returns that entry, once it is in the file
 */
export function changeKeyFile(
  file: string,
  change: (entries: readonly KeyEntry[]) => KeyEntry,
): Promise<KeyEntry> {
  return whileLocked(file, () => {
    const entries = readKeyFile(file)
    const changed = change(entries)
    // A file that nobody could read would lock everybody out.
    if (!isKeyEntry(changed)) throw new KeyProblem('The change would make the key invalid.')
    const others = entries.filter(({ id }) => id !== changed.id)
    const at = entries.findIndex(({ id }) => id === changed.id)
    writeKeyFile(file, others.toSpliced(at === -1 ? others.length : at, 0, changed))
    return changed
  })
}
