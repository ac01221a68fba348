/** The limit store that the policy asks for, and who is told when it is away. */
import type { Clock } from '../core/clock.ts'
import { describeError } from '../core/refusal.ts'
import { createFallbackStore } from '../limits/fallback.ts'
import { createLeaseRenewer, type LeaseRenewer } from '../limits/lease-renewer.ts'
import { createRedisStore } from '../limits/redis/redis.ts'
import type { Store } from '../limits/store.ts'
import type { Policy } from '../policy/policy.ts'
import { createRedisClient, type RedisClient } from '../redis/client.ts'
import type { Log } from '../telemetry/log.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import { createSparing } from '../telemetry/sparing.ts'

/** How long a start waits for Redis, so that the first requests are not refused for nothing. */
const patienceMs = 1000

/** Within which Redis being away is told. */
const reasonMs = 200

/** Begins to connect to the policy's Redis, if it names one. */
export function openRedis({ store: { redis, timeoutMs } }: Pick<Policy, 'store'>): RedisClient | undefined {
  return redis && createRedisClient(redis, timeoutMs)
}

/** What it takes to open the limit store. */
export interface LimitStoreParts {
  readonly onFailure: Policy['store']['onFailure']
  /** Undefined: `local` counts. */
  readonly redis: RedisClient | undefined
  /** Counts for this gateway alone, without Redis and while that is away. */
  readonly local: Store
  readonly clock: Clock
  readonly metrics: Metrics
  readonly log: Log
}

/** Opens the store. Resolves when Redis has answered, or was waited for long enough. */
export async function openStore({
  onFailure,
  redis,
  local,
  clock,
  metrics,
  log,
}: LimitStoreParts): Promise<LeaseRenewer> {
  if (redis === undefined)
    return createLeaseRenewer(local, (error) =>
      log.warn({ cause: describeError(error) }, 'cannot renew the leases of running requests'),
    )
  const once = logAvailability(redis, clock, log)
  const shared = createRedisStore({
    redis,
    onDropped: (count) =>
      log.error({ count }, 'too many requests ended while Redis was unavailable; some are not settled'),
  })
  const keeper = createLeaseRenewer(
    onFailure === 'refuse'
      ? shared
      : createFallbackStore(shared, local, () => {
          metrics.storeFallbacks.inc()
          once('Redis is unavailable; limits are counted in this gateway alone', (message) =>
            log.warn(message),
          )
        }),
    (error) => log.warn(redis.trouble(error), 'cannot renew the leases of running requests in Redis'),
  )
  // Whatever became of it meanwhile: what runs here holds its slots.
  redis.observe({ onBack: () => void keeper.renewAll() })
  await redis.opened(patienceMs)
  return keeper
}

type Once = (message: string, tell: (message: string) => void) => void

/**
 * Logs when Redis goes away and when it is back.
 * @returns what logs a message once until Redis is back, and where it goes and comes all the time, a few times a minute
 */
function logAvailability(redis: RedisClient, clock: Clock, log: Log): Once {
  const told = new Set<string>()
  const mayTell = createSparing(clock.monotonicMs)
  let untold: (() => void) | undefined
  const once: Once = (message, tell) => {
    if (told.has(message) || !mayTell(message)) return
    told.add(message)
    tell(message)
  }
  redis.observe({
    onAway(error) {
      untold = () => {
        untold = undefined
        once('redis is away', (message) => log.error(redis.trouble(error), message))
      }
      // A connection that was closed says nothing; the next try to make one tells why.
      setTimeout(() => untold?.(), reasonMs).unref()
    },
    onBack() {
      untold?.()
      told.clear()
      once('redis answers', (message) => log.info(message))
    },
  })
  return once
}
