/** One suite for every store: memory and Redis count alike. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  type Account,
  type AdmissionRequest,
  type Claim,
  leaseMs,
  type Scope,
  type Settlement,
} from '../../src/limits/store.ts'
import type { SharedLimits } from '../../src/policy/policy.ts'
import { budget, claim, claimed, entry, freshKey as key, lease, settlement } from '../rig/limits.ts'
import { type World, worlds } from '../rig/stores.ts'

let count = 0

describe.each(worlds)('the %s store', (kind, available, make) => {
  let world: World
  beforeAll(async () => {
    if (available) world = await make()
  })
  afterAll(() => world?.close())
  const test = (name: string, run: (world: World) => Promise<void>) =>
    it.skipIf(!available)(name, () => run(world))
  const admit = (one: AdmissionRequest) => world.store.admit(one, budget())
  const reserve = (one: Claim) => world.store.reserve(one, budget())
  const settle = (one: Settlement) => world.store.settle(one, budget())

  describe('requests', () => {
    test('are let in to exactly the limit, however many ask at once through however many gates', async () => {
      const account = key()
      const asked = await Promise.all(
        Array.from({ length: 200 }, (_, index) =>
          (index % 2 ? world.store : world.second).admit(entry(account, 25), budget()),
        ),
      )
      const admitted = asked.filter(({ outcome }) => outcome === 'admitted')
      expect(admitted.map(({ standing }) => standing?.remaining).toSorted((a = 0, b = 0) => a - b)).toEqual(
        Array.from({ length: 25 }, (_, index) => index),
      )
      for (const { outcome, standing, retryMs } of asked.filter(({ outcome }) => outcome !== 'admitted')) {
        expect(outcome).toBe('requests')
        expect(standing?.remaining).toBe(0)
        expect(retryMs).toBeGreaterThan(0)
        expect(retryMs).toBeLessThanOrEqual(61_000)
      }
    })

    test('say truly when to come back', async () => {
      const account = key()
      for (let index = 0; index < 10; index++) {
        expect((await admit(entry(account, 10))).outcome).toBe('admitted')
        await world.advance(1000)
      }
      const { outcome, retryMs } = await admit(entry(account, 10))
      expect(outcome).toBe('requests')
      await world.advance(retryMs - 1)
      expect((await admit(entry(account, 10))).outcome).toBe('requests')
      await world.advance(1)
      expect((await admit(entry(account, 10))).outcome).toBe('admitted')
    })

    test('say before the limit is reached when the next one will pass', async () => {
      const account = key()
      expect((await admit(entry(account, 2))).nextMs).toBe(0)
      const { outcome, nextMs } = await admit(entry(account, 2))
      expect(outcome).toBe('admitted')
      expect(nextMs).toBeGreaterThan(59_000)
      await world.advance(nextMs)
      expect((await admit(entry(account, 2))).outcome).toBe('admitted')
    })

    test('are all free when the answer said so', async () => {
      const account = key()
      const { standing } = await admit(entry(account, 2))
      await world.advance(standing?.resetMs ?? 0)
      expect((await admit(entry(account, 2))).standing?.remaining).toBe(1)
    })

    test('and probes, and every account, are counted apart', async () => {
      const [one, other] = [key(), key()]
      expect((await admit(entry(one, 1))).outcome).toBe('admitted')
      expect((await admit(entry(one, 1))).outcome).toBe('requests')
      expect((await admit(entry(one, 1, { kind: 'probes' }))).outcome).toBe('admitted')
      expect((await admit(entry(other, 1))).outcome).toBe('admitted')
    })

    test('need room everywhere, take nothing where one refuses, and the tightest speaks', async () => {
      const [one, other] = [key(), key()]
      const role: Account = { scope: 'role', name: `r${count++}` }
      const both = (account: Account): AdmissionRequest =>
        entry(account, 10, {
          limits: [
            { account, limit: 10 },
            { account: role, limit: 3 },
          ],
        })
      const first = await admit(both(one))
      expect(first.standing).toMatchObject({ scope: 'role', limit: 3, remaining: 2 })
      await admit(both(other))
      await admit(both(one))
      const refused = await admit(both(other))
      expect(refused).toMatchObject({ outcome: 'requests', standing: { scope: 'role', remaining: 0 } })
      // Of `other` only the one that passed was counted.
      expect((await admit(entry(other, 10))).standing).toMatchObject({ scope: 'key', remaining: 8 })
    })

    test('of a token are counted by day, beside those of its key', async () => {
      const [one, token] = [key(), { scope: 'token' as const, name: `t${count++}` }]
      const both = () =>
        entry(one, 10, {
          limits: [
            { account: one, limit: 10 },
            { account: token, limit: 2, perDay: true },
          ],
        })
      expect((await admit(both())).standing).toMatchObject({ scope: 'token', limit: 2, remaining: 1 })
      await world.advance(62_000)
      await admit(both())
      await world.advance(3_600_000)
      const refused = await admit(both())
      expect(refused).toMatchObject({ outcome: 'requests', standing: { scope: 'token', remaining: 0 } })
      expect(refused.retryMs).toBeGreaterThan(70_000_000)
      expect((await admit(entry(one, 10))).outcome).toBe('admitted')
    })

    if (kind === 'redis')
      test('count on when the server’s clock goes back', async () => {
        const account = key()
        for (let index = 0; index < 3; index++) {
          expect((await admit(entry(account, 3))).outcome).toBe('admitted')
          await world.advance(5000)
        }
        await world.advance(-3_600_000)
        const { outcome, retryMs } = await admit(entry(account, 3))
        expect(outcome).toBe('requests')
        expect(retryMs).toBeLessThanOrEqual(61_000)
        await world.advance(retryMs)
        expect((await admit(entry(account, 3))).outcome).toBe('admitted')
        await world.advance(3_600_000)
      })
  })

  describe('slots', () => {
    test('are exactly so many, and come back', async () => {
      const account = key()
      const claims = Array.from({ length: 50 }, () => claim(account, { concurrent: 4 }))
      const answers = await Promise.all(
        claims.map((each, index) => (index % 2 ? world.store : world.second).reserve(each, budget())),
      )
      const granted = claims.filter((_, index) => answers[index]?.outcome === 'granted')
      expect(granted).toHaveLength(4)
      expect(answers.filter(({ outcome }) => outcome === 'concurrent')).toHaveLength(46)
      await settle(settlement(granted[0], { spent: 5 }))
      expect((await reserve(claim(account, { concurrent: 4 }))).outcome).toBe('granted')
      expect((await reserve(claim(account, { concurrent: 4 }))).outcome).toBe('concurrent')
    })

    test('of a gate that died come back when the lease runs out, those of one that lives do not', async () => {
      const account = key()
      const dying = claim(account, { concurrent: 2, tokensPerMinute: 30 })
      const living = claim(account, { concurrent: 2, tokensPerMinute: 30 })
      await reserve(dying)
      await reserve(living)
      await world.advance(leaseMs - 1)
      expect((await reserve(claim(account, { concurrent: 2 }))).outcome).toBe('concurrent')
      await world.store.renew([{ lease: living.lease, claim: living, trial: undefined }])
      await world.advance(1)
      const next = claim(account, { concurrent: 2, tokensPerMinute: 30 })
      expect(await reserve(next)).toMatchObject({ outcome: 'granted', tokens: { remaining: 10 } })
      expect((await reserve(claim(account, { concurrent: 2 }))).outcome).toBe('concurrent')
    })

    test('of a gate that died take no tokens with them, though nobody asked for a long time', async () => {
      const account = key()
      await reserve(claim(account, { tokensPerMinute: 100 }, { tokens: 90 }))
      await world.forget?.(account)
      await world.advance(leaseMs)
      expect((await reserve(claim(account, { tokensPerMinute: 100 }, { tokens: 90 }))).outcome).toBe(
        'granted',
      )
    })

    test('that ran out while their request was running are held again when that is told', async () => {
      const account = key()
      const one = claim(account, { concurrent: 1 })
      await reserve(one)
      await world.advance(leaseMs * 2)
      await world.store.renew([{ lease: one.lease, claim: one, trial: undefined }])
      expect((await reserve(claim(account, { concurrent: 1 }))).outcome).toBe('concurrent')
    })

    if (kind === 'redis')
      test('do not outlast a lease because the server’s clock went back', async () => {
        const account = key()
        await reserve(claim(account, { concurrent: 1 }))
        await world.advance(-3_600_000)
        expect((await reserve(claim(account, { concurrent: 1 }))).outcome).toBe('concurrent')
        await world.advance(leaseMs)
        expect((await reserve(claim(account, { concurrent: 1 }))).outcome).toBe('granted')
        await world.advance(3_600_000)
      })
  })

  describe('tokens', () => {
    test('are reserved, and settled to what was spent', async () => {
      const account = key()
      const limits = { tokensPerMinute: 100, tokensPerDay: 1000 }
      const big = claim(account, limits, { tokens: 80 })
      expect(await reserve(big)).toMatchObject({ outcome: 'granted', tokens: { remaining: 20, limit: 100 } })
      expect(await reserve(claim(account, limits, { tokens: 30 }))).toMatchObject({
        outcome: 'tokens',
        tokens: { remaining: 20 },
      })
      await settle(settlement(big, { spent: 15 }))
      expect(await reserve(claim(account, limits, { tokens: 85 }))).toMatchObject({
        outcome: 'granted',
        tokens: { remaining: 0 },
      })
    })

    test('are settled once, however often it is told', async () => {
      const account = key()
      const one = claim(account, { tokensPerMinute: 100 }, { tokens: 50 })
      await reserve(one)
      for (let index = 0; index < 3; index++) await settle(settlement(one, { spent: 10 }))
      expect(await reserve(claim(account, { tokensPerMinute: 100 }, { tokens: 90 }))).toMatchObject({
        outcome: 'granted',
        tokens: { remaining: 0 },
      })
    })

    test('say truly when to come back', async () => {
      const account = key()
      const one = claim(account, { tokensPerMinute: 100 }, { tokens: 60 })
      await reserve(one)
      await settle(settlement(one, { spent: 60 }))
      await world.advance(7000)
      const { outcome, retryMs } = await reserve(claim(account, { tokensPerMinute: 100 }, { tokens: 50 }))
      expect(outcome).toBe('tokens')
      await world.advance(retryMs - 1)
      const again = () => reserve(claim(account, { tokensPerMinute: 100 }, { tokens: 50 }))
      expect((await again()).outcome).toBe('tokens')
      await world.advance(1)
      expect((await again()).outcome).toBe('granted')
    })

    test('speak by the tightest of all limits, whosever it is', async () => {
      const account = key()
      const scopes: readonly [Scope, Partial<SharedLimits>][] = [
        ['role', { tokensPerMinute: 1000, tokensPerDay: 300 }],
        ['model', { tokensPerMinute: 200 }],
        ['all', { tokensPerDay: 250 }],
      ]
      const accounts = [
        claimed(account, { tokensPerMinute: 1000 }),
        ...scopes.map(([scope, limits]) => claimed({ scope, name: account.name }, limits)),
      ]
      const one = { ...claim(account, {}, { tokens: 120 }), accounts }
      expect(await reserve(one)).toMatchObject({
        outcome: 'granted',
        tokens: { scope: 'model', limit: 200, remaining: 80 },
      })
      await settle(settlement(one, { spent: 120 }))
      await world.advance(120_000)
      const two = { ...one, lease: lease() }
      expect(await reserve(two)).toMatchObject({
        outcome: 'granted',
        tokens: { scope: 'all', limit: 250, remaining: 10 },
      })
      await settle(settlement(two, { spent: 120 }))
      const refused = await reserve({ ...one, lease: lease(), tokens: 60 })
      expect(refused).toMatchObject({ outcome: 'tokens', tokens: { scope: 'all', remaining: 10 } })
      expect(refused.retryMs).toBeGreaterThan(3_600_000)
    })

    test('never pass the limit, spent and reserved together', async () => {
      const account = key()
      const answers = await Promise.all(
        Array.from({ length: 60 }, (_, index) =>
          (index % 2 ? world.store : world.second).reserve(
            claim(account, { tokensPerMinute: 1000 }, { tokens: 70 }),
            budget(),
          ),
        ),
      )
      expect(answers.filter(({ outcome }) => outcome === 'granted')).toHaveLength(14)
    })

    test('take nothing where one limit refuses', async () => {
      const account = key()
      const accounts = [
        claimed(account, { tokensPerMinute: 100 }),
        claimed({ scope: 'model', name: account.name }, { requestsPerMinute: 1 }),
      ]
      expect(await reserve({ ...claim(account, {}), accounts })).toMatchObject({
        outcome: 'granted',
        requests: { scope: 'model', limit: 1, remaining: 0 },
      })
      expect(await reserve({ ...claim(account, {}), accounts })).toMatchObject({ outcome: 'requests' })
      expect(await reserve(claim(account, { tokensPerMinute: 100 }))).toMatchObject({
        tokens: { remaining: 80 },
      })
    })
  })

  describe('admission and reservation in one step', () => {
    const both = (entry: AdmissionRequest, claim: Claim) =>
      world.store.admitAndReserve(entry, claim, budget())

    test('reserve nothing for what is not admitted', async () => {
      const account = key()
      const limits = { tokensPerMinute: 100, concurrent: 2 }
      expect(await both(entry(account, 1), claim(account, limits, { tokens: 40 }))).toMatchObject({
        admission: { outcome: 'admitted', standing: { remaining: 0 } },
        reservation: { outcome: 'granted', tokens: { remaining: 60 } },
      })
      const alone = await admit(entry(account, 1))
      const repetition = { account, limit: { same: 1, windowMs: 1000 }, things: ['a'] }
      const refused = claim(account, limits, { tokens: 40, repetition })
      // As it is refused alone.
      expect(await both(entry(account, 1), refused)).toEqual({
        admission: { ...alone, atMs: expect.any(Number) },
        reservation: undefined,
      })
      expect(await reserve(claim(account, limits, { tokens: 60, repetition }))).toMatchObject({
        outcome: 'granted',
        tokens: { remaining: 0 },
      })
    })

    test('count a request whose reservation is refused, which can be taken back', async () => {
      const account = key()
      const one = entry(account, 2)
      const { admission, reservation } = await both(
        one,
        claim(account, { tokensPerMinute: 10 }, { tokens: 11 }),
      )
      expect(reservation).toMatchObject({ outcome: 'tokens' })
      expect(admission).toMatchObject({ outcome: 'admitted', standing: { remaining: 1 } })
      await world.store.refund(one, admission, budget())
      expect(await admit(entry(account, 2))).toMatchObject({ standing: { remaining: 1 } })
    })

    test('are never more than the limits, however many ask at once through however many gates', async () => {
      const account = key()
      const answers = await Promise.all(
        Array.from({ length: 200 }, (_, index) =>
          (index % 2 ? world.store : world.second).admitAndReserve(
            entry(account, 25),
            claim(account, { concurrent: 10 }),
            budget(),
          ),
        ),
      )
      const reserved = answers.flatMap(({ reservation }) => reservation ?? [])
      expect(reserved).toHaveLength(25)
      expect(reserved.filter((each) => 'outcome' in each && each.outcome === 'granted')).toHaveLength(10)
    })
  })

  describe('the circuit breaker', () => {
    const guarded = (account: Account): AdmissionRequest =>
      entry(account, 1000, { breaker: { account, actionsPerMinute: 5 } })
    const ended = (one: AdmissionRequest, more: Partial<Settlement> = {}) =>
      settle({ ...settlement(undefined, more), lease: one.lease, breaker: one.breaker })
    /** Acts until it opens. @returns how long it will be open */
    const openIt = async (account: Account): Promise<number> => {
      for (let index = 0; index < 5; index++) expect((await admit(guarded(account))).outcome).toBe('admitted')
      const last = await admit(guarded(account))
      expect(last).toMatchObject({ outcome: 'breaker', opened: true })
      return last.retryMs
    }
    /** The cool-down is over: one request goes through and ends well. */
    const recover = async (account: Account) => {
      const trial = guarded(account)
      expect(await admit(trial)).toMatchObject({ outcome: 'admitted', trial: true })
      await ended(trial, { trial: 'passed' })
      await world.advance(61_000)
    }

    test('opens past the limit, for a time that doubles, and lets one through then', async () => {
      const account = key()
      expect(await openIt(account)).toBe(60_000)
      expect(await admit(guarded(account))).toMatchObject({
        outcome: 'breaker',
        opened: false,
        retryMs: 60_000,
      })
      await world.advance(59_999)
      expect((await admit(guarded(account))).outcome).toBe('breaker')
      await world.advance(1)
      const trial = guarded(account)
      expect(await admit(trial)).toMatchObject({ outcome: 'admitted', trial: true })
      expect(await admit(guarded(account))).toMatchObject({ outcome: 'breaker', retryMs: 1000 })
      await ended(trial, { trial: 'passed' })
      expect(await admit(guarded(account))).toMatchObject({ outcome: 'admitted', trial: false })
      await world.advance(61_000)
      for (const ms of [120_000, 240_000]) {
        expect(await openIt(account)).toBe(ms)
        await world.advance(ms)
        await recover(account)
      }
    })

    test('is open for an hour at most, and forgives in time', async () => {
      const account = key()
      let openMs = 0
      for (let index = 0; index < 8; index++) {
        openMs = await openIt(account)
        await world.advance(openMs)
        await recover(account)
      }
      expect(openMs).toBe(3_600_000)
      await world.advance(openMs)
      expect(await openIt(account)).toBe(60_000)
    })

    test('counts tool calls, and opens by them', async () => {
      const account = key()
      const one = guarded(account)
      await admit(one)
      expect(await ended(one, { actions: 4 })).toMatchObject({ opened: false })
      const two = guarded(account)
      expect((await admit(two)).opened).toBe(true)
      const other = key()
      const three = guarded(other)
      await admit(three)
      expect(await ended(three, { actions: 5 })).toMatchObject({ opened: true })
      expect((await admit(guarded(other))).outcome).toBe('breaker')
    })

    test('opens again if the trial misbehaves, and gives another one a try if it was refused', async () => {
      const account = key()
      await world.advance(await openIt(account))
      const refused = guarded(account)
      await admit(refused)
      await ended(refused, { trial: 'refused' })
      const trial = guarded(account)
      expect(await admit(trial)).toMatchObject({ outcome: 'admitted', trial: true })
      expect(await ended(trial, { trial: 'passed', actions: 9 })).toMatchObject({ opened: true })
      expect(await admit(guarded(account))).toMatchObject({ outcome: 'breaker', retryMs: 120_000 })
    })

    test('does not wait for a trial whose gate died, but for one that runs', async () => {
      const account = key()
      await world.advance(await openIt(account))
      const trial = guarded(account)
      await admit(trial)
      await world.advance(leaseMs - 1)
      await world.store.renew([{ lease: trial.lease, claim: undefined, trial: account }])
      await world.advance(leaseMs - 1)
      expect((await admit(guarded(account))).outcome).toBe('breaker')
      await world.advance(1)
      expect(await admit(guarded(account))).toMatchObject({ outcome: 'admitted', trial: true })
    })

    test('is closed by hand', async () => {
      const account = key()
      await openIt(account)
      expect(await world.second.closeBreaker(account, budget())).toBe(true)
      expect(await world.store.closeBreaker(account, budget())).toBe(false)
      expect(await openIt(account)).toBe(60_000)
    })
  })

  describe('repetition', () => {
    const limit = { same: 3, windowMs: 600_000 }
    const saying = (account: Account, ...things: string[]): Claim =>
      claim(account, {}, { accounts: [], repetition: { account, limit, things } })

    test('is refused past the limit, truly until the oldest is forgotten', async () => {
      const account = key()
      for (let index = 0; index < 3; index++) {
        expect((await reserve(saying(account, 'a'))).outcome).toBe('granted')
        await world.advance(10_000)
      }
      const { outcome, retryMs } = await world.second.reserve(saying(account, 'a'), budget())
      expect(outcome).toBe('repetition')
      expect((await reserve(saying(account, 'b'))).outcome).toBe('granted')
      await world.advance(retryMs - 1)
      expect((await reserve(saying(account, 'a'))).outcome).toBe('repetition')
      await world.advance(1)
      expect((await reserve(saying(account, 'a'))).outcome).toBe('granted')
      expect((await reserve(saying(account, 'a'))).outcome).toBe('repetition')
    })

    test('is seen in loops that alternate', async () => {
      const account = key()
      const outcomes: string[] = []
      for (const thing of ['a', 'b', 'a', 'b', 'a', 'b', 'a', 'b'])
        outcomes.push((await reserve(saying(account, thing))).outcome)
      expect(outcomes).toEqual([...Array(6).fill('granted'), 'repetition', 'repetition'])
    })

    test('is nobody else’s', async () => {
      const [one, other] = [key(), key()]
      for (let index = 0; index < 3; index++) await reserve(saying(one, 'a'))
      expect((await reserve(saying(other, 'a'))).outcome).toBe('granted')
    })

    test('forgets what no model has worked on once, however often it is told, and nothing that was not reserved', async () => {
      const account = key()
      const limits = { concurrent: 10 }
      const held = (...things: string[]) => claim(account, limits, { repetition: { account, limit, things } })
      const claims = [held('a'), held('a'), held('a')]
      for (const each of claims) expect((await reserve(each)).outcome).toBe('granted')
      await settle(settlement(held('a'), { unsaid: true }))
      expect((await reserve(held('a'))).outcome).toBe('repetition')
      for (let times = 0; times < 3; times++) await settle(settlement(claims[0], { unsaid: true }))
      expect((await reserve(held('a'))).outcome).toBe('granted')
      expect((await reserve(held('a'))).outcome).toBe('repetition')
    })

    test('of tool calls is told when they are settled', async () => {
      const account = key()
      const call = () => settle(settlement(undefined, { repetition: { account, limit, things: ['call'] } }))
      for (let index = 0; index < 3; index++) expect((await call()).repeatedMs).toBe(0)
      const { repeatedMs } = await call()
      expect(repeatedMs).toBeGreaterThan(0)
      await world.advance(repeatedMs)
      expect((await call()).repeatedMs).toBe(0)
    })
  })
})
