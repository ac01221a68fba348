/** Access to the Redis that a fleet of gateways shares its keys in, for the `key` and `token` commands. */
import { shareKeys } from '../../auth/api-keys/shared-keys.ts'
import { locateSharedKeys } from '../../policy/load.ts'
import { locateKeys, type Variables } from '../../policy/locate.ts'
import { createRedisClient } from '../../redis/client.ts'
import { RedisUnavailable } from '../../redis/faults.ts'
import { retry } from './retry.ts'

const connectMs = 2000
const answerMs = 1000

/** The gateways that share keys in Redis. */
export interface Fleet {
  /** Brings the files and Redis up to date with each other. @returns whether Redis answered */
  synchronise(): Promise<boolean>
  /** Why it did not answer, as the beginning of a sentence. */
  readonly whyAway: string
  close(): void
}

/** Connects to the Redis of the policy. If the policy has errors, no Redis is known and none answers. */
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
    async synchronise() {
      const isUnavailable = (error: unknown) => error instanceof RedisUnavailable
      const done = await retry(() => shared.synchronise().then(() => true), connectMs, isUnavailable)
      return done ?? false
    },
    whyAway: 'Redis does not answer',
    close: () => void redis.close(),
  }
}
