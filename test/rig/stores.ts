/** Limit stores for tests: in memory and in a real Redis, both by a clock that only moves when told to. */
import { Redis } from 'ioredis'
import type { RedisServers } from '../../src/core/redis-servers.ts'
import { createMemoryStore } from '../../src/limits/memory/memory.ts'
import { createRedisStore } from '../../src/limits/redis/redis.ts'
import type { Account, Store } from '../../src/limits/store.ts'
import type { RedisObserver } from '../../src/redis/availability.ts'
import { createRedisClient } from '../../src/redis/client.ts'
import { stillClock } from './clock.ts'
import { hasRedis, startRedis } from './redis.ts'

export interface World {
  readonly store: Store
  /** Another gateway's; in memory there is none, and it is the same. */
  readonly second: Store
  /** Moves the clock, back too if it is Redis's. */
  advance(ms: number): Promise<void>
  /** The server forgets the account's leases, as an expiry would. */
  forget?(account: Account): Promise<void>
  close(): Promise<void>
}

export function serversAt(url: string, more: Partial<RedisServers> = {}): RedisServers {
  return {
    urls: [url],
    kind: 'single',
    master: 'mymaster',
    sentinelPassword: undefined,
    ca: undefined,
    prefix: 'test',
    ...more,
  }
}

export interface RedisStore extends Store {
  /** Resolves when Redis has answered, or after a while. */
  opened(patienceMs: number): Promise<void>
}

interface RedisStoreSettings extends RedisObserver {
  readonly timeoutMs?: number
  readonly serverTime?: string
}

/** A store with a client of its own. */
export function makeRedisStore(
  servers: RedisServers,
  { timeoutMs = 5000, serverTime, ...observer }: RedisStoreSettings = {},
): RedisStore {
  const redis = createRedisClient(servers, timeoutMs)
  redis.observe(observer)
  const timed = serverTime === undefined ? {} : { serverTime }
  const store = createRedisStore({ redis, onDropped: () => {}, ...timed })
  return {
    mode: store.mode,
    admit: (entry, budget) => store.admit(entry, budget),
    admitAndReserve: (entry, claim, budget) => store.admitAndReserve(entry, claim, budget),
    defer: (entry) => store.defer(entry),
    reserve: (claim, budget) => store.reserve(claim, budget),
    renew: (renewals) => store.renew(renewals),
    settle: (settlement, budget) => store.settle(settlement, budget),
    refund: (entry, admission, budget) => store.refund(entry, admission, budget),
    use: (account, budget) => store.use(account, budget),
    closeBreaker: (account, budget) => store.closeBreaker(account, budget),
    check: () => store.check(),
    opened: redis.opened,
    async close() {
      await store.close()
      await redis.close()
    },
  }
}

/** Generous: the machine that runs the tests may stall. */
export async function openRedisStore(
  servers: RedisServers,
  settings?: RedisStoreSettings,
): Promise<RedisStore> {
  const store = makeRedisStore(servers, settings)
  await store.opened(5000)
  return store
}

async function memoryWorld(): Promise<World> {
  const clock = stillClock(1_900_000_000_000)
  const store = createMemoryStore(clock)
  return { store, second: store, advance: async (ms) => clock.advance(ms), close: () => store.close() }
}

async function redisWorld(): Promise<World> {
  const server = await startRedis()
  const clock = new Redis(server.url)
  await clock.set('clock', 1_900_000_000_000)
  const timed = { serverTime: "tonumber(redis.call('GET', 'clock'))" }
  const store = await openRedisStore(serversAt(server.url), timed)
  const second = await openRedisStore(serversAt(server.url), timed)
  return {
    store,
    second,
    advance: async (ms) => void (await clock.incrby('clock', ms)),
    forget: async ({ scope, name }) => void (await clock.del(`{test}:held:${scope}:${name}`)),
    async close() {
      await store.close()
      await second.close()
      clock.disconnect()
      await server.stop()
    },
  }
}

/** Name, whether it can be had here, how it is made. */
export const worlds: readonly (readonly [string, boolean, () => Promise<World>])[] = [
  ['memory', true, memoryWorld],
  ['redis', hasRedis, redisWorld],
]
