/**
 * `keys.redis`: what a fleet of gateways knows of keys is in Redis, and each keeps a copy in its own files, so that
 * everything else works as it does with files alone, and a restart while Redis is away as well.
 *
 * Keys, signing keys and revoked tokens are entries of one hash. Of two versions of an entry both are taken, field by
 * field (`mergedKey`): what was revoked stays so, of everything else the later holds. So it does not matter who hears of
 * what first, no old copy brings back what was taken away, and what was changed while Redis was away is told later.
 */
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { tryJson } from '../../core/json.ts'
import type { RedisServers } from '../../core/redis-servers.ts'
import { whileLocked } from '../../files/lock.ts'
import { stateOf } from '../../files/state.ts'
import { connectRedis, revive } from '../../redis/connection.ts'
import { newsOn } from '../../redis/subscriber.ts'
import { within } from '../../redis/timeout.ts'
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

/** Redis does not answer, or not with what was asked for. */
export class KeysAway extends Error {
  override readonly name = 'KeysAway'
}

export interface SharedKeys {
  /**
   * Brings both sides up to date.
   * @returns whether the files changed
   * @throws KeysAway, or what a broken file throws
   */
  synchronise(): Promise<boolean>
  /** Calls back soon after somebody changed something. */
  onNews(listener: () => void): void
  close(): void
}

const answerMs = 1000
/** Of comparing again because somebody changed something meanwhile. */
const maxRounds = 5

export function shareKeys(
  servers: RedisServers,
  keysFile: () => string,
  nowMs: () => number,
  onError: (error: Error) => void,
): SharedKeys {
  const hash = `{${servers.prefix}}:keys`
  const stamp = `${hash}:changed`
  const lua = readFileSync(new URL('./lua/put.lua', import.meta.url), 'utf8')
  const connection = connectRedis(servers, answerMs, { torwartPut: { lua } }, onError)
  const scripts = connection as unknown as {
    torwartPut(keys: number, ...words: readonly string[]): Promise<number>
  }
  const news = newsOn(hash, servers, answerMs, onError)
  /** What was compared last: if neither side moved since, there is nothing to do. */
  let compared = ''

  const compare = async (): Promise<{ changed: boolean; settled: boolean }> => {
    const documents = documentsAt(keysFile())
    const stateOfFiles = () => documents.map(({ place }) => stateOf(place)).join(' ')
    // Before anything is read: what changes while it is read is looked at again.
    const stampBefore = await asked(connection.get(stamp))
    if (compared === `${stampBefore} ${stateOfFiles()}`) return { changed: false, settled: true }
    const all = await asked(connection.hgetall(hash))
    let changed = false
    const words: string[] = []
    const over: string[] = []
    for (const document of documents) {
      const result = await document.merge(all, nowMs())
      changed ||= result.changed
      words.push(...result.news.flat())
      over.push(...result.over)
    }
    if (over.length > 0) await asked(connection.hdel(hash, ...over))
    const settled = words.length === 0
    if (settled) compared = `${stampBefore} ${stateOfFiles()}`
    // Whatever became of it, somebody may have put something between the reading and this: so all is read again.
    else await asked(scripts.torwartPut(2, hash, stamp, hash, randomBytes(9).toString('hex'), ...words))
    return { changed, settled }
  }

  return {
    async synchronise() {
      revive(connection)
      news.revive()
      let changed = false
      for (let round = 0; round < maxRounds; round++) {
        const result = await compare()
        changed ||= result.changed
        if (result.settled) break
      }
      return changed
    },
    onNews: news.listen,
    close() {
      connection.disconnect()
      news.close()
    },
  }
}

async function asked<T>(answer: Promise<T>): Promise<T> {
  try {
    return await within(answer, answerMs)
  } catch (cause) {
    throw new KeysAway('Redis, which has the keys, does not answer', { cause })
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
