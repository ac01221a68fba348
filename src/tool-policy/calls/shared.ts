/** Calls that were let through, in Redis: a sorted set a key, so that any gateway knows them. */
import { readFileSync } from 'node:fs'
import type { RedisServers } from '../../core/redis-servers.ts'
import { connectRedis, revive } from '../../redis/connection.ts'
import { within } from '../../redis/timeout.ts'

export interface SharedCalls {
  note(owner: string, marks: readonly string[]): Promise<void>
  /** Those of the marks that are remembered. */
  known(owner: string, marks: readonly string[]): Promise<readonly string[]>
  close(): void
}

const keptMs = 7 * 86_400_000

/**
 * @param max marks a key
 * @param answerMs how long an answer may take: an agent waits for it
 * @param onError every failure of a connection
 */
export function shareCalls(
  servers: RedisServers,
  max: number,
  answerMs: number,
  onError: (error: Error) => void,
): SharedCalls {
  const lua = readFileSync(new URL('./lua/note.lua', import.meta.url), 'utf8')
  const connection = connectRedis(servers, answerMs, { torwartNote: { lua } }, onError)
  const script = connection as unknown as {
    torwartNote(keys: number, ...words: readonly (string | number)[]): Promise<unknown>
  }
  const keyOf = (owner: string) => `{${servers.prefix}}:calls:${owner}`
  return {
    async note(owner, marks) {
      revive(connection)
      await within(script.torwartNote(1, keyOf(owner), max, keptMs, ...marks), answerMs)
    },
    async known(owner, marks) {
      revive(connection)
      const scores = await within(connection.zmscore(keyOf(owner), ...marks), answerMs)
      return marks.filter((_mark, index) => scores[index] != null)
    },
    close: () => connection.disconnect(),
  }
}
