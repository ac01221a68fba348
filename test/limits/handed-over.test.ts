/** What a store has counted counts on in another process, by another clock. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { createMemoryStore, type SavableStore } from '../../src/limits/memory/memory.ts'
import { MonthCounts } from '../../src/limits/memory/month-counts.ts'
import type { Account, AdmissionRequest, Claim } from '../../src/limits/store.ts'
import { stillClock } from '../rig/clock.ts'

const budget = { leftMs: 1000 }
const account: Account = { scope: 'key', name: 'k1' }
const entry = (lease: string): AdmissionRequest => ({
  ...{ lease, kind: 'requests' as const },
  limits: [{ account, limit: 3 }],
  breaker: { account, actionsPerMinute: 4 },
})
const claim = (lease: string, of: Account = account): Claim => ({
  ...{ lease, tokens: 10, repetition: undefined },
  accounts: [
    {
      account: of,
      limits: { requestsPerMinute: undefined, tokensPerMinute: 40, tokensPerDay: undefined, concurrent: 2 },
    },
  ],
})

/** A store that goes on with what another one has counted, so long after it. */
function successor(store: SavableStore, startMs: number) {
  const clock = stillClock(startMs)
  const next = createMemoryStore(clock)
  // As it travels.
  next.restore(JSON.parse(JSON.stringify(store.save())))
  return { clock, next }
}

describe('a store that goes on with the counts of another', () => {
  it('lets no more requests pass than one store would, and forgets them at the same time', async () => {
    const clock = stillClock(5_000_000)
    const store = createMemoryStore(clock)
    for (const lease of ['a', 'b']) expect((await store.admit(entry(lease), budget)).outcome).toBe('admitted')
    clock.advance(30_000)
    const { clock: later, next } = successor(store, 1234)
    expect((await next.admit(entry('c'), budget)).outcome).toBe('admitted')
    expect((await next.admit(entry('d'), budget)).outcome).toBe('requests')
    later.advance(32_000)
    expect((await next.admit(entry('e'), budget)).outcome).toBe('admitted')
  })

  it('holds what running requests hold until they are settled, or are over', async () => {
    const store = createMemoryStore(stillClock())
    for (const lease of ['a', 'b'])
      expect((await store.reserve(claim(lease), budget)).outcome).toBe('granted')
    const { clock, next } = successor(store, 99)
    expect((await next.reserve(claim('c'), budget)).outcome).toBe('concurrent')
    const settled = { trial: undefined, breaker: undefined, actions: 0, repetition: undefined, unsaid: false }
    await next.settle({ ...settled, lease: 'a', claim: claim('a'), spent: 25 }, budget)
    expect((await next.use(account, budget)).tokensPerMinute.used).toBe(25)
    expect((await next.reserve(claim('c'), budget)).outcome).toBe('tokens')
    clock.advance(59_000)
    expect((await next.use(account, budget)).leases).toBe(1)
    clock.advance(1000)
    expect((await next.use(account, budget)).leases).toBe(0)
  })

  it('keeps a breaker open, and its waits long', async () => {
    const clock = stillClock()
    const store = createMemoryStore(clock)
    const act = {
      lease: 'a',
      claim: undefined,
      spent: 0,
      trial: undefined,
      repetition: undefined,
      unsaid: false,
    }
    const opened = { ...act, breaker: { account, actionsPerMinute: 4 }, actions: 9 }
    expect((await store.settle(opened, budget)).opened).toBe(true)
    clock.advance(10_000)
    const { next } = successor(store, 7)
    expect(await next.admit(entry('b'), budget)).toMatchObject({ outcome: 'breaker', retryMs: 50_000 })
  })

  it('remembers persons, tokens and repetitions', async () => {
    const store = createMemoryStore(stillClock())
    const [person, token]: Account[] = [
      { scope: 'person', name: 'k1 alice' },
      { scope: 'token', name: 'k1:t1' },
    ]
    const repeated = { account, things: ['digest'], limit: { same: 1, windowMs: 60_000 } }
    for (const [index, of] of [person, token].entries())
      await store.reserve(claim(`l${index}`, of ?? account), budget)
    await store.reserve({ ...claim('r'), repetition: repeated }, budget)
    const { next } = successor(store, 7)
    for (const of of [person, token]) {
      expect((await next.reserve(claim('x', of ?? account), budget)).outcome).toBe('granted')
      expect((await next.reserve(claim('y', of ?? account), budget)).outcome).toBe('concurrent')
    }
    const again = await next.reserve({ ...claim('s'), repetition: repeated }, budget)
    expect(again.outcome).toBe('repetition')
  })
})

describe('the budgets of a month', () => {
  const folder = mkdtempSync(join(tmpdir(), 'torwart-months-'))
  afterAll(() => rmSync(folder, { recursive: true }))

  it('go on in the next process, and their file is only that one’s to write', async () => {
    const file = { path: join(folder, 'budgets.json'), report: () => {} }
    const months = new MonthCounts(stillClock(), file)
    months.of('g').add(0, 5)
    const next = new MonthCounts(stillClock(), file)
    next.restore(months.save())
    await months.leaveFile()
    expect(next.of('g').total(0)).toBe(5)
    months.of('g').add(0, 100)
    await next.close()
    await months.close()
    expect(JSON.parse(readFileSync(file.path, 'utf8'))).toMatchObject({ tokens: { g: 5 } })
    // Taken back after a failure.
    writeFileSync(file.path, '{}')
    months.takeFileBack()
    months.of('g').add(0, 1)
    await months.close()
    expect(JSON.parse(readFileSync(file.path, 'utf8'))).toMatchObject({ tokens: { g: 106 } })
  })
})
