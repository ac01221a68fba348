/**
 * `keys.redis`: what a fleet of gateways knows of keys is in Redis, and each keeps a copy in its own files, so that
 * everything else works as it does with files alone, and a restart while Redis is away as well.
 *
 * Keys, signing keys and revoked tokens are entries of one hash. Of two versions of an entry both are taken, field by
 * field (`mergedKey`): what was revoked stays so, of everything else the later holds. So it does not matter who hears of
 * what first, no old copy brings back what was taken away, and what was changed while Redis was away is told later.
 */

import { readFileSync } from 'node:fs'
import { tryJson } from '../../core/json.ts'
import { randomHex } from '../../core/random.ts'
import { whileLocked } from '../../files/lock.ts'
import { stateOf } from '../../files/state.ts'
import type { RedisClient } from '../../redis/client.ts'
import {
  isRevokedToken,
  liveRevokedTokens,
  readRevokedTokens,
  revokedTokensFile,
  writeRevokedTokens,
} from '../tokens/revoked-tokens.ts'
import {
  isSigningEntry,
  liveSigningEntries,
  readSigningEntries,
  signingKeysFile,
  writeSigningEntries,
} from '../tokens/signing-keys.ts'
import { isKeyEntry, mergedKey, readKeyFile, writeKeyFile } from './key-file.ts'

/** The keys of a fleet. */
export interface SharedKeys {
  /**
   * Brings both sides up to date.
   * @returns whether the files changed
   * @throws RedisUnavailable, or what a broken file throws
   */
  synchronise(): Promise<boolean>
  /** Calls back soon after any gateway or command changed something, as long as the connection holds. Once. */
  onNews(listener: () => void): void
  /** Stops calling back. */
  close(): void
}

/** How often the two sides are compared again because the other one changed meanwhile. */
const maxRounds = 5

/**
 * Reaches the keys of a fleet.
 * @param keysFile where this gateway's copy is
 * @param nowMs in epoch milliseconds
 */
export function shareKeys(redis: RedisClient, keysFile: () => string, nowMs: () => number): SharedKeys {
  const hash = `${redis.prefix}keys`
  const stamp = `${hash}:changed`
  const put = redis.script('torwartPut', readFileSync(new URL('./lua/put.lua', import.meta.url), 'utf8'))
  /** What was compared last: if neither side moved since, there is nothing to do. */
  let compared = ''
  let stop = () => {}

  const compare = async (): Promise<{ changed: boolean; settled: boolean }> => {
    const documents = documentsAt(keysFile())
    const stateOfFiles = () => documents.map(({ place }) => stateOf(place)).join(' ')
    // Before anything is read: what changes while it is read is looked at again.
    const stampBefore = await redis.ask((connection) => connection.get(stamp))
    if (compared === `${stampBefore} ${stateOfFiles()}`) return { changed: false, settled: true }
    const all = await redis.ask((connection) => connection.hgetall(hash))
    let changed = false
    const words: string[] = []
    const over: string[] = []
    for (const document of documents) {
      const result = await document.merge(all, nowMs())
      changed ||= result.changed
      words.push(...result.news.flat())
      over.push(...result.over)
    }
    if (over.length > 0) await redis.ask((connection) => connection.hdel(hash, ...over))
    const settled = words.length === 0
    if (settled) compared = `${stampBefore} ${stateOfFiles()}`
    // Whatever became of it, something may have been put between the reading and this: so all is read again.
    else await redis.ask(() => put([hash, stamp], [hash, randomHex(9), ...words]))
    return { changed, settled }
  }

  return {
    async synchronise() {
      let changed = false
      for (let round = 0; round < maxRounds; round++) {
        const result = await compare()
        changed ||= result.changed
        if (result.settled) break
      }
      return changed
    },
    onNews(listener) {
      stop = redis.listen(hash, listener)
    },
    close: () => stop(),
  }
}

interface Merged {
  readonly changed: boolean
  /** For Redis: name, entry, and the entry that is there. */
  readonly news: readonly (readonly [name: string, entry: string, before: string])[]
  /** Names in Redis that everybody may forget. */
  readonly over: readonly string[]
}

/** One of the files. */
interface Document {
  readonly place: string
  /** @param all what Redis has of all documents */
  merge(all: Readonly<Record<string, string>>, nowMs: number): Promise<Merged>
}

interface DocumentParts<T> {
  readonly kind: string
  readonly place: string
  read(place: string): readonly T[]
  write(place: string, entries: readonly T[]): void
  isEntry(value: unknown): value is T
  idOf(entry: T): string
  merged(one: T, other: T): T
  /** Without what nobody needs any more. */
  live(entries: readonly T[], nowMs: number): readonly T[]
}

function documentsAt(file: string): readonly Document[] {
  return [
    document({
      kind: 'key',
      place: file,
      read: readKeyFile,
      write: writeKeyFile,
      isEntry: isKeyEntry,
      idOf: ({ id }) => id,
      merged: mergedKey,
      live: (entries) => entries,
    }),
    document({
      kind: 'signing',
      place: signingKeysFile(file),
      read: readSigningEntries,
      write: writeSigningEntries,
      isEntry: isSigningEntry,
      idOf: ({ kid }) => kid,
      merged: (one, other) => {
        if (one.void && other.void) return (one.voidBy ?? '') <= (other.voidBy ?? '') ? one : other
        return one.void ? one : other
      },
      live: liveSigningEntries,
    }),
    document({
      kind: 'revoked',
      place: revokedTokensFile(file),
      read: readRevokedTokens,
      write: writeRevokedTokens,
      isEntry: isRevokedToken,
      idOf: ({ id }) => id,
      merged: (one, other) => {
        if (one.revoked === other.revoked) return (one.by ?? '') <= (other.by ?? '') ? one : other
        return one.revoked < other.revoked ? one : other
      },
      live: liveRevokedTokens,
    }),
  ]
}

function document<T>({ kind, place, read, write, isEntry, idOf, merged, live }: DocumentParts<T>): Document {
  const nameOf = (entry: T) => `${kind}:${idOf(entry)}`
  return {
    place,
    merge: (all, nowMs) => {
      const there = Object.entries(all).flatMap(([name, text]) => {
        const entry: unknown = name.startsWith(`${kind}:`) ? tryJson(text) : undefined
        return isEntry(entry) && nameOf(entry) === name ? [entry] : []
      })
      return whileLocked(place, () => {
        const here = read(place)
        const both = new Map(here.map((entry) => [nameOf(entry), entry]))
        for (const entry of there) {
          const known = both.get(nameOf(entry))
          both.set(nameOf(entry), known === undefined ? entry : merged(known, entry))
        }
        const result = live([...both.values()], nowMs)
        const changed = printedAll(result) !== printedAll(here)
        if (changed) write(place, result)
        return {
          changed,
          news: result.flatMap((entry) => {
            const name = nameOf(entry)
            const before = all[name] ?? ''
            return before === printed(entry) ? [] : [[name, printed(entry), before] as const]
          }),
          over: there.filter((entry) => !result.some((each) => nameOf(each) === nameOf(entry))).map(nameOf),
        }
      })
    },
  }
}

/** The same whoever wrote it: fields in one order. */
function printed(entry: unknown): string {
  const sorted = (value: unknown): unknown =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(
          Object.entries(value)
            .sort(([a], [b]) => (a < b ? -1 : 1))
            .map(([key, member]) => [key, sorted(member)]),
        )
      : value
  return JSON.stringify(sorted(entry))
}

function printedAll(entries: readonly unknown[]): string {
  return entries.map(printed).sort().join('\n')
}
