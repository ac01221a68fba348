/** What becomes of a key by hand: on the command line and in the admin API, the same. */
import { whileLocked } from '../files/lock.ts'
import { isNetwork } from '../policy/networks.ts'
import { hashKey, mintKey } from './key.ts'
import { isKeyEntry, type KeyEntry, keyStatus, readKeyFile, writeKeyFile } from './key-file.ts'

/** A request that makes no sense, told to whoever made it. */
export class KeyProblem extends Error {
  override readonly name = 'KeyProblem'
}

/** What is to last longer has no end. */
const longestLifeMs = 100 * 365 * 86_400_000

export interface NewKeyWish {
  readonly name: string
  readonly role: string
  readonly lifeMs: number | undefined
  readonly networks: readonly string[]
}

/** The key itself is to be shown once; the entry keeps its hash. */
export interface MadeKey {
  readonly entry: KeyEntry
  readonly key: string
}

/** @throws KeyProblem */
export function createdKey({ name, role, lifeMs, networks }: NewKeyWish, nowMs: number): MadeKey {
  // What a terminal would obey must not get into a list or a log.
  if (!/^[^\p{C}\p{Zl}\p{Zp}]{1,128}$/u.test(name) || name.trim() === '')
    throw new KeyProblem('the name must have 1 to 128 characters, none of them a control character')
  if (networks.length > 64 || !networks.every(isNetwork))
    throw new KeyProblem('networks must be addresses or networks such as 10.0.0.0/8, 64 at most')
  if ((lifeMs ?? 0) > longestLifeMs) throw new KeyProblem('a key may live for a hundred years at most')
  const { id, key } = mintKey()
  const entry = {
    id,
    name,
    role,
    sha256: hashKey(key).toString('hex'),
    created: new Date(nowMs).toISOString(),
    ...(lifeMs === undefined ? {} : { expires: new Date(nowMs + lifeMs).toISOString() }),
    ...(networks.length === 0 ? {} : { networks: [...networks] }),
  }
  return { entry, key }
}

/** A new secret for the same key. @param graceMs how long the old one still works. @throws KeyProblem */
export function rotatedKey({ previous: _, ...old }: KeyEntry, graceMs: number, nowMs: number): MadeKey {
  const status = keyStatus(old, nowMs)
  if (status !== 'active') throw new KeyProblem(`key ${old.id} is ${status}`)
  if (graceMs > longestLifeMs) throw new KeyProblem('the grace may last for a hundred years at most')
  const { key } = mintKey(old.id)
  const until = new Date(nowMs + graceMs).toISOString()
  const previous = graceMs > 0 ? { previous: { sha256: old.sha256, until } } : {}
  const rotated = new Date(nowMs).toISOString()
  return { key, entry: { ...old, sha256: hashKey(key).toString('hex'), rotated, ...previous } }
}

/** It stays in the file, so that the log can be read. */
export function revokedKey(entry: KeyEntry, nowMs: number): KeyEntry {
  return { revoked: new Date(nowMs).toISOString(), ...entry }
}

export function disabledKey(entry: KeyEntry, nowMs: number): KeyEntry {
  return { ...entry, disabled: new Date(nowMs).toISOString() }
}

/** @throws KeyProblem for what is not disabled but revoked */
export function enabledKey(entry: KeyEntry, nowMs: number): KeyEntry {
  if (entry.revoked !== undefined) throw new KeyProblem(`key ${entry.id} is revoked; make a new one`)
  const after = Math.max(nowMs, entry.disabled === undefined ? 0 : Date.parse(entry.disabled) + 1)
  return { ...entry, enabled: new Date(after).toISOString() }
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
    if (!isKeyEntry(changed)) throw new KeyProblem('that would be no key')
    const others = entries.filter(({ id }) => id !== changed.id)
    const at = entries.findIndex(({ id }) => id === changed.id)
    writeKeyFile(file, others.toSpliced(at === -1 ? others.length : at, 0, changed))
    return changed
  })
}
