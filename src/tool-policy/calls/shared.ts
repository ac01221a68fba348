/** Calls that were let through, in Redis: a sorted set a key, so that any gateway knows them. */
import { readFileSync } from 'node:fs'
import type { RedisClient } from '../../redis/client.ts'

/** The calls of a fleet. */
export interface SharedToolCalls {
  /** Remembers calls by their marks. @throws RedisUnavailable */
  note(owner: string, marks: readonly string[]): Promise<void>
  /** Finds those of the marks that are remembered. @throws RedisUnavailable */
  known(owner: string, marks: readonly string[]): Promise<readonly string[]>
}

const keptMs = 7 * 86_400_000

/**
 * Reaches the calls of a fleet. An agent waits for each answer, so none takes longer than a request's.
 * @param max marks of one key
 */
export function shareToolCalls(redis: RedisClient, max: number): SharedToolCalls {
  const put = redis.script('torwartNote', readFileSync(new URL('./lua/note.lua', import.meta.url), 'utf8'))
  const keyOf = (owner: string) => `${redis.prefix}calls:${owner}`
  return {
    async note(owner, marks) {
      await redis.ask(() => put([keyOf(owner)], [max, keptMs, ...marks]), redis.timeoutMs)
    },
    async known(owner, marks) {
      const scores = await redis.ask(
        (connection) => connection.zmscore(keyOf(owner), ...marks),
        redis.timeoutMs,
      )
      return marks.filter((_mark, index) => scores[index] != null)
    },
  }
}
