/** The limit store that the policy asks for, and who is told when it is away. */
import type { Clock } from '../core/clock.ts'
import { createFallbackStore } from '../limits/fallback.ts'
import { createKeeper, type LeaseRenewer } from '../limits/lease-renewer.ts'
import { createMemoryStore } from '../limits/memory/memory.ts'
import { createRedisStore } from '../limits/redis/redis.ts'
import type { Policy } from '../policy/policy.ts'
import { redisTrouble } from '../redis/connection.ts'
import type { Log } from '../telemetry/log.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import { createSparing } from '../telemetry/sparing.ts'

/** How long a start waits for Redis, so that the first requests are not refused for nothing. */
const patienceMs = 1000

/** Within which Redis being away is told. */
const reasonMs = 200

export async function openStore(
  { store }: Pick<Policy, 'store'>,
  clock: Clock,
  metrics: Metrics,
  log: Log,
): Promise<LeaseRenewer> {
  const { redis } = store
  const local = createMemoryStore(clock)
  // Without Redis nothing is told, so nothing fails.
  if (redis === undefined) return createKeeper(local, () => {})
  const onRenewalFailure = (error: unknown) =>
    log.warn(redisTrouble(error, redis), 'running requests could not be told to redis')
  // Each is told once until Redis is back, and where it goes and comes all the time, a few times a minute.
  const told = new Set<string>()
  const mayTell = createSparing(clock.monotonicMs)
  let untold: (() => void) | undefined
  const once = (message: string, tell: (message: string) => void) => {
    if (told.has(message) || !mayTell(message)) return
    told.add(message)
    tell(message)
  }
  const shared = createRedisStore({
    servers: redis,
    timeoutMs: store.timeoutMs,
    onAway(error) {
      const tell = () => {
        untold = undefined
        once('redis is away', (message) => log.error(redisTrouble(error, redis), message))
      }
      untold = tell
      // A connection that was closed says nothing; the next try to make one tells why.
      setTimeout(() => untold?.(), reasonMs).unref()
    },
    onBack() {
      untold?.()
      told.clear()
      once('redis answers', (message) => log.info(message))
      // Whatever became of it meanwhile: what runs here holds its slots.
      void keeper.renewAll()
    },
    onDropped: (count) => log.error({ count }, 'too many requests ended while redis was away'),
  })
  const keeper = createKeeper(
    store.onFailure === 'refuse'
      ? shared
      : createFallbackStore(shared, local, () => {
          metrics.storeFallbacks.inc()
          once('redis is away: limits are counted in this gateway alone', (message) => log.warn(message))
        }),
    onRenewalFailure,
  )
  await shared.opened(patienceMs)
  return keeper
}
