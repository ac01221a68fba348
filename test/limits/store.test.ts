/** One suite for every store: memory and Redis count alike. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/core/clock.ts'
import { Refusal } from '../../src/core/refusal.ts'
import { createFallbackStore } from '../../src/limits/fallback.ts'
import { createMemoryStore } from '../../src/limits/memory.ts'
import { createRedisStore } from '../../src/limits/redis.ts'
import type { Budget, Claim, Store } from '../../src/limits/store.ts'
import { stillClock } from '../rig/clock.ts'
import { hasRedis, type RedisServer, startRedis } from '../rig/redis.ts'
import { until } from '../rig/wait.ts'

/** Generous: the machine that runs the tests may stall. */
const budget = (): Budget => ({ leftMs: 5000 })
let count = 0
const fresh = () => `subject-${count++}`
const claim = (subject: string, lease: string, more: Partial<Claim> = {}): Claim => ({
  subject,
  lease,
  tokens: 10,
  tokensPerMinute: undefined,
  tokensPerDay: undefined,
  concurrent: undefined,
  leaseMs: 60_000,
  ...more,
})

async function redisStore(url: string): Promise<Store> {
  const store = createRedisStore({ url, timeoutMs: 5000, onAway: () => {}, onBack: () => {} })
  await until(async () => {
    try {
      await store.admit('probe', 'probes', 1000, budget())
      return true
    } catch {
      return false
    }
  })
  return store
}

const kinds: readonly (readonly [string, boolean])[] = [
  ['memory', true],
  ['redis', hasRedis],
]

describe.each(kinds)('the %s store', (kind, available) => {
  let redis: RedisServer | undefined
  let store: Store
  let second: Store
  beforeAll(async () => {
    if (kind === 'memory') {
      store = createMemoryStore(systemClock)
      second = store
    } else if (available) {
      redis = await startRedis()
      store = await redisStore(redis.url)
      second = await redisStore(redis.url)
    }
  })
  afterAll(async () => {
    await store?.close()
    await second?.close()
    await redis?.stop()
  })

  it.skipIf(!available)(
    'lets exactly the limit in, however many ask at once through however many gates',
    async () => {
      const subject = fresh()
      const asked = await Promise.all(
        Array.from({ length: 200 }, (_, index) =>
          (index % 2 ? store : second).admit(subject, 'requests', 25, budget()),
        ),
      )
      expect(asked.filter(({ admitted }) => admitted)).toHaveLength(25)
      const refused = asked.filter(({ admitted }) => !admitted)
      for (const { remaining, retryMs } of refused) {
        expect(remaining).toBe(0)
        expect(retryMs).toBeGreaterThan(0)
        expect(retryMs).toBeLessThanOrEqual(61_000)
      }
      expect(
        asked
          .filter(({ admitted }) => admitted)
          .map(({ remaining }) => remaining)
          .toSorted((a, b) => a - b),
      ).toEqual(Array.from({ length: 25 }, (_, index) => index))
    },
  )

  it.skipIf(!available)('counts requests and probes, and every subject, apart', async () => {
    const [one, other] = [fresh(), fresh()]
    expect((await store.admit(one, 'requests', 1, budget())).admitted).toBe(true)
    expect((await store.admit(one, 'requests', 1, budget())).admitted).toBe(false)
    expect((await store.admit(one, 'probes', 1, budget())).admitted).toBe(true)
    expect((await store.admit(other, 'requests', 1, budget())).admitted).toBe(true)
  })

  it.skipIf(!available)('gives out exactly so many slots, and takes them back', async () => {
    const subject = fresh()
    const claims = Array.from({ length: 50 }, (_, index) => claim(subject, `l${index}`, { concurrent: 4 }))
    const answers = await Promise.all(
      claims.map((each, index) => (index % 2 ? store : second).reserve(each, budget())),
    )
    const granted = claims.filter((_, index) => answers[index]?.outcome === 'granted')
    expect(granted).toHaveLength(4)
    expect(answers.filter(({ outcome }) => outcome === 'concurrent')).toHaveLength(46)
    await store.settle(granted[0] as Claim, 5)
    expect((await store.reserve(claim(subject, 'next', { concurrent: 4 }), budget())).outcome).toBe('granted')
    expect((await store.reserve(claim(subject, 'one more', { concurrent: 4 }), budget())).outcome).toBe(
      'concurrent',
    )
  })

  it.skipIf(!available)('reserves tokens and settles to what was spent', async () => {
    const subject = fresh()
    const limits = { tokensPerMinute: 100, tokensPerDay: 1000 }
    const big = claim(subject, 'a', { ...limits, tokens: 80 })
    expect(await store.reserve(big, budget())).toMatchObject({
      outcome: 'granted',
      remaining: 20,
      limit: 100,
    })
    expect(await store.reserve(claim(subject, 'b', { ...limits, tokens: 30 }), budget())).toMatchObject({
      outcome: 'tokens',
      remaining: 20,
    })
    await store.settle(big, 15)
    expect(await store.reserve(claim(subject, 'c', { ...limits, tokens: 85 }), budget())).toMatchObject({
      outcome: 'granted',
      remaining: 0,
    })
  })

  it.skipIf(!available)('speaks of the tightest of two limits', async () => {
    const subject = fresh()
    const limits = { tokensPerMinute: 1000, tokensPerDay: 50 }
    expect(await store.reserve(claim(subject, 'a', { ...limits, tokens: 40 }), budget())).toMatchObject({
      outcome: 'granted',
      remaining: 10,
      limit: 50,
    })
    const refused = await store.reserve(claim(subject, 'b', { ...limits, tokens: 40 }), budget())
    expect(refused).toMatchObject({ outcome: 'tokens', limit: 50 })
    expect(refused.retryMs).toBeGreaterThan(0)
  })

  it.skipIf(!available)('never lets spent and reserved tokens pass the limit together', async () => {
    const subject = fresh()
    let reserved = 0
    const answers = await Promise.all(
      Array.from({ length: 60 }, (_, index) =>
        store.reserve(claim(subject, `l${index}`, { tokensPerMinute: 1000, tokens: 70 }), budget()),
      ),
    )
    for (const { outcome } of answers) if (outcome === 'granted') reserved += 70
    expect(reserved).toBe(980)
  })

  it.skipIf(!available)('takes back what a gate that died had reserved', async () => {
    const subject = fresh()
    const dying = claim(subject, 'dying', { concurrent: 1, tokensPerMinute: 100, tokens: 100, leaseMs: 50 })
    expect((await store.reserve(dying, budget())).outcome).toBe('granted')
    expect((await store.reserve({ ...dying, lease: 'next' }, budget())).outcome).toBe('concurrent')
    const answer = await until(async () => {
      const next = await store.reserve({ ...dying, lease: 'later' }, budget())
      return next.outcome === 'granted' && next
    })
    expect(answer.remaining).toBe(0)
  })

  it.skipIf(!available)('settles a reservation once', async () => {
    const subject = fresh()
    const one = claim(subject, 'a', { tokensPerMinute: 100, tokens: 50, concurrent: 2 })
    await store.reserve(one, budget())
    await store.settle(one, 10)
    await store.settle({ ...one, lease: 'unknown' }, 0)
    expect(
      await store.reserve(claim(subject, 'b', { tokensPerMinute: 100, tokens: 90, concurrent: 2 }), budget()),
    ).toMatchObject({ outcome: 'granted', remaining: 0 })
  })
})

describe('the memory store, by a clock that is held still', () => {
  it('says truly when to come back', async () => {
    const clock = stillClock()
    const store = createMemoryStore(clock)
    for (let index = 0; index < 10; index++) {
      expect((await store.admit('k', 'requests', 10, budget())).admitted).toBe(true)
      clock.advance(1000)
    }
    const refused = await store.admit('k', 'requests', 10, budget())
    expect(refused.admitted).toBe(false)
    clock.advance(refused.retryMs - 1)
    expect((await store.admit('k', 'requests', 10, budget())).admitted).toBe(false)
    clock.advance(1)
    expect((await store.admit('k', 'requests', 10, budget())).admitted).toBe(true)
  })

  it('frees everything when it said it would', async () => {
    const clock = stillClock()
    const store = createMemoryStore(clock)
    const { resetMs } = await store.admit('k', 'requests', 2, budget())
    clock.advance(resetMs)
    expect((await store.admit('k', 'requests', 2, budget())).remaining).toBe(1)
  })
})

describe('a Redis that is away', () => {
  it.skipIf(!hasRedis)('is a refusal within its budget, and recovers by itself', async () => {
    const redis = await startRedis()
    const store = await redisStore(redis.url)
    redis.process.kill('SIGSTOP')
    const started = performance.now()
    const spent: Budget = { leftMs: 100 }
    await expect(store.admit('k', 'requests', 1, spent)).rejects.toMatchObject({ code: 'store_unavailable' })
    expect(performance.now() - started).toBeGreaterThanOrEqual(95)
    expect(spent.leftMs).toBeLessThan(10)
    redis.process.kill('SIGCONT')
    // Nobody has to send a request for that.
    await until(() => store.check())
    expect((await store.admit('k2', 'requests', 1000, budget())).admitted).toBe(true)
    await store.close()
    await redis.stop()
  })

  it('fails at once when nothing listens', async () => {
    const store = createRedisStore({
      url: 'redis://127.0.0.1:1',
      timeoutMs: 250,
      onAway: () => {},
      onBack: () => {},
    })
    await expect(store.admit('k', 'requests', 1, { leftMs: 250 })).rejects.toBeInstanceOf(Refusal)
    await store.close()
  })

  it('is stood in for by this process, if the policy says so', async () => {
    const shared = createRedisStore({
      url: 'redis://127.0.0.1:1',
      timeoutMs: 250,
      onAway: () => {},
      onBack: () => {},
    })
    let told = 0
    const store = createFallbackStore(shared, createMemoryStore(systemClock), () => told++)
    expect((await store.admit('k', 'requests', 1, budget())).admitted).toBe(true)
    expect((await store.admit('k', 'requests', 1, budget())).admitted).toBe(false)
    const one = claim('k', 'a', { concurrent: 1 })
    expect((await store.reserve(one, budget())).outcome).toBe('granted')
    await store.settle(one, 5)
    expect((await store.reserve({ ...one, lease: 'b' }, budget())).outcome).toBe('granted')
    expect(await store.check()).toBe(false)
    expect(told).toBe(4)
    await store.close()
  })
})
