/** Orders in Redis: a hash that all gateways read, and a channel that tells them to. */
import { readFileSync } from 'node:fs'
import { tryJson } from '../core/json.ts'
import type { RedisServers } from '../core/redis-servers.ts'
import { connectRedis, revive } from '../redis/connection.ts'
import { newsOn } from '../redis/subscriber.ts'
import { within } from '../redis/timeout.ts'
import { type FreezeEntry, isOrder, subjectOf } from './freeze-entry.ts'

export interface SharedFreezes {
  /** All that are known there. */
  read(): Promise<FreezeEntry[]>
  /** Puts them there unless later ones are known. */
  write(orders: readonly FreezeEntry[]): Promise<void>
  /** Calls back soon after somebody wrote; as long as the connection holds. */
  onNews(listener: () => void): void
  close(): void
}

const answerMs = 1000

/** @param onError every failure of a connection */
export function shareFreezes(servers: RedisServers, onError: (error: Error) => void): SharedFreezes {
  const key = `{${servers.prefix}}:freezes`
  const lua = readFileSync(new URL('./lua/order.lua', import.meta.url), 'utf8')
  const connection = connectRedis(servers, answerMs, { torwartOrder: { lua } }, onError)
  const order = connection as unknown as {
    torwartOrder(keys: number, ...words: readonly string[]): Promise<unknown>
  }
  const news = newsOn(key, servers, answerMs, onError)
  return {
    async read() {
      revive(connection)
      news.revive()
      const found = await within(connection.hvals(key), answerMs)
      return found.flatMap((text) => {
        const order: unknown = tryJson(text)
        return isOrder(order) ? [order] : []
      })
    },
    async write(orders) {
      if (orders.length === 0) return
      const pairs = orders.flatMap((each) => [subjectOf(each), JSON.stringify(each)])
      await within(order.torwartOrder(1, key, key, ...pairs), answerMs)
    },
    onNews: news.listen,
    close() {
      connection.disconnect()
      news.close()
    },
  }
}
