/** Budgets by calendar month: the same months in memory and in Redis, and a count that outlives the process. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { Redis } from 'ioredis'
import { afterAll, describe, expect, it } from 'vitest'
import { createMemoryStore } from '../../src/limits/memory/memory.ts'
import { MonthCounts } from '../../src/limits/memory/month-counts.ts'
import { monthOf, monthStartMs } from '../../src/limits/month.ts'
import type { Account, Store } from '../../src/limits/store.ts'
import { stillClock } from '../rig/clock.ts'
import { budget, claim, settlement } from '../rig/limits.ts'
import { hasRedis, startRedis } from '../rig/redis.ts'
import { openRedisStore, serversAt } from '../rig/stores.ts'

const folder = mkdtempSync(join(tmpdir(), 'torwart-months-'))
afterAll(() => rmSync(folder, { recursive: true }))

const group: Account = { scope: 'group', name: 'research' }
const limits = { tokensPerMonth: 100 }

async function spend(store: Store, tokens: number, account = group): Promise<string> {
  const wanted = claim(account, limits, { tokens })
  const { outcome, retryMs } = await store.reserve(wanted, budget())
  if (outcome === 'granted') await store.settle(settlement(wanted, { spent: tokens }), budget())
  return outcome === 'granted' ? outcome : `${outcome} ${retryMs}`
}

describe('a month', () => {
  it('is that of the calendar, in UTC', () => {
    expect(monthStartMs(monthOf(Date.parse('2026-02-28T23:59:59.999Z')) + 1)).toBe(Date.parse('2026-03-01'))
    expect(monthStartMs(monthOf(Date.parse('2028-02-29T12:00:00Z')))).toBe(Date.parse('2028-02-01'))
    expect(monthStartMs(monthOf(Date.parse('2026-12-31T00:00:00Z')) + 1)).toBe(Date.parse('2027-01-01'))
  })

  it.skipIf(!hasRedis)('is the same in Redis', async () => {
    const server = await startRedis()
    const clock = new Redis(server.url)
    await clock.set('clock', 0)
    const serverTime = "tonumber(redis.call('GET', 'clock'))"
    const store = await openRedisStore(serversAt(server.url), { serverTime })
    let run = 0
    try {
      await fc.assert(
        fc.asyncProperty(fc.integer({ min: 0, max: 7_258_118_400_000 }), async (nowMs) => {
          await clock.set('clock', nowMs)
          const account = { ...group, name: `g${run++}` }
          expect(await spend(store, 100, account)).toBe('granted')
          expect(await spend(store, 1, account)).toBe(`tokens ${monthStartMs(monthOf(nowMs) + 1) - nowMs}`)
        }),
        {
          numRuns: 300,
          examples: ['2028-02-29', '2100-02-28', '2027-03-01', '2026-12-31'].map((day) => [Date.parse(day)]),
        },
      )
      // Longer than the other counts, and still when only a lease was renewed.
      const held = claim({ ...group, name: 'g0' }, limits, { tokens: 1 })
      await store.renew([{ lease: held.lease, claim: held, trial: undefined }])
      expect(await clock.pttl('{test}:use:group:g0')).toBeGreaterThan(31 * 86_400_000)
    } finally {
      await store.close()
      clock.disconnect()
      await server.stop()
    }
  })
})

describe('a budget of a month', () => {
  it('ends and begins anew with the month', async () => {
    const clock = stillClock(Date.parse('2026-01-30T00:00:00Z'))
    const store = createMemoryStore(clock)
    expect(await spend(store, 60)).toBe('granted')
    expect(await spend(store, 60)).toBe(`tokens ${2 * 86_400_000}`)
    clock.advance(2 * 86_400_000 - 1)
    expect(await spend(store, 60)).toBe('tokens 1')
    clock.advance(1)
    expect(await spend(store, 60)).toBe('granted')
  })

  it('is not begun anew by a restart, nor by a clock that goes back', async () => {
    const path = join(folder, 'budgets.json')
    const clock = stillClock(Date.parse('2026-03-01T00:00:00Z'))
    const problems: string[] = []
    const months = () => new MonthCounts(clock, { path, report: (problem) => problems.push(problem) })
    const first = createMemoryStore(clock, months())
    expect(await spend(first, 80)).toBe('granted')
    await first.close()
    const second = createMemoryStore(clock, months())
    expect(await spend(second, 30)).toMatch(/^tokens /)
    clock.advance(-1000)
    expect(await spend(second, 30)).toMatch(/^tokens /)
    await second.close()
    // The month is over.
    clock.advance(32 * 86_400_000)
    expect(await spend(createMemoryStore(clock, months()), 100)).toBe('granted')
    expect(problems).toEqual([])
    expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ tokens: { research: 80 } })
  })

  it('tells that it begins anew where its file cannot be read', async () => {
    const path = join(folder, 'broken.json')
    writeFileSync(path, '{"month":')
    const problems: string[] = []
    new MonthCounts(stillClock(), { path, report: (problem) => problems.push(problem) })
    expect(problems).toEqual(['cannot read the budgets of this month, which begin anew'])
  })
})
