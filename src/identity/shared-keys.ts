/**
 * `keys.redis`: what a fleet of gateways knows of keys is in Redis, and each keeps a copy in its own files, so that
 * everything else works as it does with files alone, and a restart while Redis is away as well.
 *
 * Keys, signing keys and revoked tokens are entries of one hash. Nothing is taken out of it by hand: a key is revoked
 * and stays. So bringing a copy up to date is to add what is missing on either side and, of what is on both, to believe
 * Redis. Who changes something changes it there first.
 */
import { readFileSync, statSync } from 'node:fs'
import type { RedisServers } from '../core/redis-servers.ts'
import { whileLocked } from '../files/lock.ts'
import { type Connection, connectRedis, revive } from '../redis/connect.ts'
import { within } from '../redis/within.ts'
import { isKeyEntry, type KeyEntry, readKeyFile, writeKeyFile } from './key-file.ts'
import {
  isRevokedToken,
  type RevokedToken,
  readRevokedTokens,
  revokedTokensFile,
  writeRevokedTokens,
} from './revoked-tokens.ts'
import {
  isSigningEntry,
  readSigningEntries,
  type SigningEntry,
  signingKeysFile,
  writeSigningEntries,
} from './signing-keys.ts'

/** Redis does not answer, or not with what was asked for. */
export class KeysAway extends Error {
  override readonly name = 'KeysAway'
}

export interface SharedKeys {
  /** Brings both sides up to date. @returns whether the files changed. @throws KeysAway, or what a broken file throws */
  synchronise(): Promise<boolean>
  /** A key that was made or changed. @throws KeysAway: then nobody else knows of it */
  put(entry: KeyEntry): Promise<void>
  /** Calls back soon after somebody changed something. */
  onNews(listener: () => void): void
  close(): void
}

const answerMs = 1000

export function shareKeys(
  servers: RedisServers,
  keysFile: () => string,
  onError: (error: Error) => void,
): SharedKeys {
  const hash = `{${servers.prefix}}:keys`
  const counter = `${hash}:changes`
  const lua = readFileSync(new URL('./lua/put.lua', import.meta.url), 'utf8')
  const connection = connectRedis(servers, answerMs, { torwartPut: { lua } }, onError)
  const scripts = connection as unknown as {
    torwartPut(keys: number, ...words: readonly string[]): Promise<number>
  }
  const put = async (entries: readonly (readonly [name: string, entry: object])[], replaces: boolean) => {
    if (entries.length === 0) return
    const words = entries.flatMap(([name, entry]) => [name, JSON.stringify(entry), replaces ? '1' : '0'])
    await asked(scripts.torwartPut(2, hash, counter, hash, ...words))
  }
  let listener: Connection | undefined
  let seen = ''

  return {
    put: (entry) => put([[`key:${entry.id}`, entry]], true),
    async synchronise() {
      revive(connection)
      if (listener) revive(listener)
      const file = keysFile()
      const places = [file, signingKeysFile(file), revokedTokensFile(file)]
      const changes = await asked(connection.get(counter))
      if (seen === `${changes} ${places.map(stateOf).join(' ')}`) return false
      const all = await asked(connection.hgetall(hash))
      let changed = false
      for (const { kind, place, read, write, isEntry, idOf } of documents(file)) {
        const here = new Map(read(place).map((entry) => [`${kind}:${idOf(entry)}`, entry]))
        const there = new Map(
          Object.entries(all).flatMap(([name, text]) => {
            const entry = name.startsWith(`${kind}:`) ? parsed(text) : undefined
            return isEntry(entry) ? [[name, entry] as const] : []
          }),
        )
        await put(
          [...here].filter(([name]) => !there.has(name)),
          false,
        )
        if ([...there].every(([name, entry]) => isSame(entry, here.get(name)))) continue
        await whileLocked(place, () => {
          const now = new Map(read(place).map((entry) => [`${kind}:${idOf(entry)}`, entry]))
          write(place, [...new Map([...now, ...there]).values()])
        })
        changed = true
      }
      seen = `${await asked(connection.get(counter))} ${places.map(stateOf).join(' ')}`
      return changed
    },
    onNews(tell) {
      listener = connectRedis(servers, answerMs, {}, onError)
      listener.on('ready', () => listener?.subscribe(hash).catch(onError))
      listener.on('message', tell)
    },
    close() {
      connection.disconnect()
      listener?.disconnect()
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

/** How one file is read and written, whatever its entries are. */
interface Document {
  readonly kind: 'key' | 'signing' | 'revoked'
  readonly place: string
  read(place: string): readonly object[]
  write(place: string, entries: readonly object[]): void
  isEntry(value: unknown): value is object
  idOf(entry: object): string
}

function documents(file: string): readonly Document[] {
  return [
    {
      kind: 'key',
      place: file,
      read: readKeyFile,
      write: (place, entries) => writeKeyFile(place, entries as readonly KeyEntry[]),
      isEntry: isKeyEntry,
      idOf: (entry) => (entry as KeyEntry).id,
    },
    {
      kind: 'signing',
      place: signingKeysFile(file),
      read: readSigningEntries,
      write: (place, entries) => writeSigningEntries(place, entries as readonly SigningEntry[]),
      isEntry: isSigningEntry,
      idOf: (entry) => (entry as SigningEntry).kid,
    },
    {
      kind: 'revoked',
      place: revokedTokensFile(file),
      read: readRevokedTokens,
      write: (place, entries) => writeRevokedTokens(place, entries as readonly RevokedToken[]),
      isEntry: isRevokedToken,
      idOf: (entry) => (entry as RevokedToken).id,
    },
  ]
}

function stateOf(file: string): string {
  const state = statSync(file, { throwIfNoEntry: false })
  return state ? `${state.mtimeMs} ${state.ino} ${state.size}` : ''
}

/** Entries are flat but for lists, and written by one program: the order of their fields may differ. */
function isSame(one: object, other: object | undefined): boolean {
  const sorted = (entry: object) => JSON.stringify(Object.entries(entry).sort(([a], [b]) => (a < b ? -1 : 1)))
  return other !== undefined && sorted(one) === sorted(other)
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
