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

/** How long a start waits for Redis, so that the first requests are not refused for nothing. */
const patienceMs = 1000

export async function openStore(
  { store }: Policy,
  clock: Clock,
  metrics: Metrics,
  log: Log,
): Promise<Keeper> {
  const onRenewalFailure = (error: unknown) =>
    log.warn({ cause: nameOfRedisError(error) }, 'running requests could not be told to redis')
  const local = createMemoryStore(clock)
  if (store.redis === undefined) return createKeeper(local, onRenewalFailure)
  const shared = createRedisStore({
    servers: store.redis,
    timeoutMs: store.timeoutMs,
    onAway: atMostOnceASecond(clock, (error: unknown) =>
      log.error({ cause: nameOfRedisError(error) }, 'redis is away'),
    ),
    onBack() {
      log.info('redis answers')
      // Whatever became of it meanwhile: what runs here holds its slots.
      void keeper.renewAll()
    },
    onDropped: (count) => log.error({ count }, 'too many requests ended while redis was away'),
  })
  const sayAlone = atMostOnceASecond(clock, () =>
    log.warn('redis is away: limits are counted in this gateway alone'),
  )
  const keeper = createKeeper(
    store.onFailure === 'refuse'
      ? shared
      : createFallbackStore(shared, local, () => {
          metrics.storeFallbacks.inc()
          sayAlone()
        }),
    onRenewalFailure,
  )
  await shared.opened(patienceMs)
  return keeper
}

function atMostOnceASecond<A extends unknown[]>(clock: Clock, say: (...about: A) => void) {
  let lastSaidMs = Number.NEGATIVE_INFINITY
  return (...about: A) => {
    if (clock.monotonicMs() - lastSaidMs < 1000) return
    lastSaidMs = clock.monotonicMs()
    say(...about)
  }
}
