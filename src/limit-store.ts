/** The limit store that the policy asks for, and who is told when it is away. */
import type { Clock } from './core/clock.ts'
import { createFallbackStore } from './limits/fallback.ts'
import { createKeeper, type Keeper } from './limits/keeper.ts'
import { createMemoryStore } from './limits/memory.ts'
import { createRedisStore } from './limits/redis.ts'
import type { Policy } from './policy/policy.ts'
import { nameOfRedisError } from './redis/connect.ts'
import type { Log } from './telemetry/log.ts'
import type { Metrics } from './telemetry/metrics.ts'
import { createSparing } from './telemetry/sparing.ts'

/** How long a start waits for Redis, so that the first requests are not refused for nothing. */
const patienceMs = 1000

export async function openStore(
  { store }: Pick<Policy, 'store'>,
  clock: Clock,
  metrics: Metrics,
  log: Log,
): Promise<Keeper> {
  const onRenewalFailure = (error: unknown) =>
    log.warn({ cause: nameOfRedisError(error) }, 'running requests could not be told to redis')
  const local = createMemoryStore(clock)
  if (store.redis === undefined) return createKeeper(local, onRenewalFailure)
  // Each is told once until Redis is back, and where it goes and comes all the time, a few times a minute.
  const told = new Set<string>()
  const mayTell = createSparing(clock.monotonicMs)
  const once = (message: string, tell: (message: string) => void) => {
    if (told.has(message) || !mayTell(message)) return
    told.add(message)
    tell(message)
  }
  const shared = createRedisStore({
    servers: store.redis,
    timeoutMs: store.timeoutMs,
    onAway: (error) =>
      once('redis is away', (message) => log.error({ cause: nameOfRedisError(error) }, message)),
    onBack() {
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
