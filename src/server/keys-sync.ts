/** Keeps a gateway's files of keys as the fleet's Redis has them (`keys.redis`). */
import { type SharedKeys, shareKeys } from '../auth/api-keys/shared-keys.ts'
import type { Clock } from '../core/clock.ts'
import type { Intervals } from '../core/intervals.ts'
import type { Policy } from '../policy/policy.ts'
import type { RedisClient } from '../redis/client.ts'
import type { Log } from '../telemetry/log.ts'

/** How long a start waits for Redis. */
const startMs = 1000
const retryMs = 50

/** What keeping the keys takes. */
export interface KeysSyncParts {
  /** Undefined: there are no other gateways. */
  readonly redis: RedisClient | undefined
  /** Returns the policy in force. */
  policy(): Policy
  readonly clock: Clock
  readonly log: Log
  readonly intervals: Pick<Intervals, 'sharedKeysMs'>
}

/** Keeps the files of keys as Redis has them. */
export interface KeysSync {
  readonly shared: SharedKeys | undefined
  /** Starts to follow Redis. @param onChange told when the files changed */
  watch(onChange: () => void): void
  close(): void
}

/** @returns once the files are up to date, or Redis was waited for long enough: then the copy holds */
export async function openKeysSync({
  redis,
  policy,
  clock,
  log,
  intervals,
}: KeysSyncParts): Promise<KeysSync> {
  if (!policy().keysInRedis || !redis) return { shared: undefined, watch: () => {}, close: () => {} }
  const shared = shareKeys(redis, () => policy().keysFile, clock.wallMs)
  let up = true
  let asking = false
  let again = false
  let onChange: (() => void) | undefined
  let timer: NodeJS.Timeout | undefined
  /** Until then a connection may just not be made yet. */
  const patientUntil = performance.now() + startMs
  const synchronise = async (): Promise<boolean> => {
    // What is told meanwhile is looked at afterwards.
    again = asking
    if (asking) return false
    asking = true
    try {
      do {
        again = false
        if (await shared.synchronise()) onChange?.()
      } while (again)
      if (!up) log.info('keys are synchronised with Redis again')
      up = true
      return true
    } catch (error) {
      if (up && performance.now() >= patientUntil) {
        up = false
        log.error(redis.trouble(error), 'cannot synchronise keys with Redis; the local copy stays in use')
      }
      return false
    } finally {
      asking = false
    }
  }
  while (!(await synchronise()) && performance.now() < patientUntil)
    await new Promise((resolve) => setTimeout(resolve, retryMs))
  return {
    shared,
    watch(listener) {
      onChange = listener
      timer = setInterval(() => void synchronise(), intervals.sharedKeysMs)
      timer.unref()
      shared.onNews(() => void synchronise())
      void synchronise()
    },
    close() {
      clearInterval(timer)
      shared.close()
    },
  }
}
