/** A connection of its own that hears when somebody publishes on a channel: Redis lets such a one ask nothing else. */
import type { RedisServers } from '../core/redis-servers.ts'
import { type Connection, connectRedis, revive } from './connection.ts'

export interface Subscription {
  /** Calls back soon after somebody published; as long as the connection holds. Once. */
  listen(tell: () => void): void
  /** Connects again what was given up; to be called from time to time. */
  revive(): void
  close(): void
}

export function newsOn(
  channel: string,
  servers: RedisServers,
  timeoutMs: number,
  onError: (error: Error) => void,
): Subscription {
  let listener: Connection | undefined
  return {
    listen(tell) {
      listener = connectRedis(servers, timeoutMs, {}, onError)
      // Whenever a connection is made; where that fails, whoever listens asks often enough.
      listener.on('ready', () => listener?.subscribe(channel).catch(onError))
      listener.on('message', tell)
    },
    revive() {
      if (listener) revive(listener)
    },
    close: () => listener?.disconnect(),
  }
}
