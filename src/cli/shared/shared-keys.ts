/** The Redis in which a fleet keeps its keys, as the `key` and `token` commands reach it. */
import { shareKeys } from '../../auth/api-keys/shared-keys.ts'
import { locateSharedKeys } from '../../policy/load.ts'
import { locateKeys, type Variables } from '../../policy/locate.ts'
import { createRedisClient } from '../../redis/client.ts'
import { RedisUnavailable } from '../../redis/faults.ts'

export interface Fleet {
  /** Brings files and Redis up to date. @returns whether Redis answered. */
  synchronise(): Promise<boolean>
  /** Why it did not, as the beginning of a sentence. */
  readonly whyAway: string
  close(): void
}

export function reachFleet(config: string, variables: Variables): Fleet {
  const file = locateKeys(config, variables)
  const servers = locateSharedKeys(config, variables)
  if (servers === undefined || servers === 'unknown')
    return {
      synchronise: async () => false,
      whyAway: 'The policy has errors, so Redis cannot be reached',
      close() {},
    }
  const redis = createRedisClient(servers, answerMs)
  const shared = shareKeys(redis, () => file, Date.now)
  return {
    synchronise: () => patiently(() => shared.synchronise()),
    whyAway: 'Redis does not answer',
    close: () => void redis.close(),
  }
}

const connectMs = 2000
const answerMs = 1000
const retryMs = 50

/** A connection that was just made is not there yet. @returns whether it answered */
async function patiently(ask: () => Promise<unknown>): Promise<boolean> {
  const end = Date.now() + connectMs
  for (;;) {
    try {
      await ask()
      return true
    } catch (error) {
      if (!(error instanceof RedisUnavailable)) throw error
      if (Date.now() > end) return false
      await new Promise((resolve) => setTimeout(resolve, retryMs))
    }
  }
}
