/** Freezes in Redis: a hash that all gateways read, and a channel that tells them to. */
import { readFileSync } from 'node:fs'
import { tryJson } from '../core/json.ts'
import type { RedisClient } from '../redis/client.ts'
import { type FreezeEntry, isFreezeEntry, subjectOf } from './freeze-entry.ts'

/** The freezes of a fleet. */
export interface SharedFreezes {
  /** Reads all that are known there. @throws RedisUnavailable */
  read(): Promise<FreezeEntry[]>
  /** Puts them there unless later ones are known. @throws RedisUnavailable */
  write(entries: readonly FreezeEntry[]): Promise<void>
  /** Calls back soon after any gateway or command wrote, as long as the connection holds. Once. */
  onNews(listener: () => void): void
  /** Stops calling back. */
  close(): void
}

/** Reaches them through a gateway's or a command's client. */
export function shareFreezes(redis: RedisClient): SharedFreezes {
  const key = `${redis.prefix}freezes`
  const put = redis.script('torwartOrder', readFileSync(new URL('./lua/order.lua', import.meta.url), 'utf8'))
  let stop = () => {}
  return {
    async read() {
      const found = await redis.ask((connection) => connection.hvals(key))
      return found.flatMap((text) => {
        const entry: unknown = tryJson(text)
        return isFreezeEntry(entry) ? [entry] : []
      })
    },
    async write(entries) {
      if (entries.length === 0) return
      const pairs = entries.flatMap((each) => [subjectOf(each), JSON.stringify(each)])
      await redis.ask(() => put([key], [key, ...pairs]))
    },
    onNews(listener) {
      stop = redis.listen(key, listener)
    },
    close: () => stop(),
  }
}
