/** The line before the slots of a caller. */
import { describe, expect, it } from 'vitest'
import { systemClock } from '../../src/core/clock.ts'
import { createMemoryStore } from '../../src/limits/memory/memory.ts'
import { createSlotQueue, type SlotWait } from '../../src/limits/slot-queue.ts'
import type { Account } from '../../src/limits/store.ts'
import { budget, claim, freshKey, settlement } from '../rig/limits.ts'
import { until } from '../rig/wait.ts'

const wish = (owner: string, more: Partial<SlotWait> = {}): SlotWait => ({
  owner,
  key: owner,
  max: 8,
  waitMs: 60_000,
  timeoutMs: 5000,
  left: () => false,
  onLeave: () => {},
  ...more,
})

describe('a line', () => {
  it('is served in the order in which it was joined, whoever comes later', async () => {
    const store = createMemoryStore(systemClock)
    const turns = createSlotQueue(store)
    const account = freshKey()
    const claims = Array.from({ length: 5 }, () => claim(account, { concurrent: 1 }))
    const served: number[] = []
    const all = claims.map(async (each, at) => {
      const { outcome } = await turns.reserve(each, budget(), wish('a'))
      served.push(at)
      expect(outcome).toBe('granted')
      await store.settle(settlement(each), budget())
      turns.freed('a')
    })
    await Promise.all(all)
    expect(served).toEqual([0, 1, 2, 3, 4])
    expect(turns.waiting).toBe(0)
  })

  it('does not hand a slot that owners share on to itself', async () => {
    const store = createMemoryStore(systemClock)
    const turns = createSlotQueue(store)
    const role: Account = { scope: 'role', name: 'r' }
    const served: string[] = []
    const ask = async (owner: string) => {
      const wanted = claim(role, { concurrent: 1 })
      const { outcome } = await turns.reserve(wanted, budget(), wish(owner, { max: 100 }))
      expect(outcome).toBe('granted')
      served.push(owner)
      await store.settle(settlement(wanted), budget())
      turns.freed(owner)
    }
    await Promise.all([...Array.from({ length: 50 }, () => ask('a')), ask('b'), ask('c')])
    expect(served.slice(0, 5)).toContain('b')
    expect(served.slice(0, 5)).toContain('c')
    expect(served).toHaveLength(52)
  })

  it('goes on by itself where nobody here tells that a slot is free', async () => {
    const store = createMemoryStore(systemClock)
    const turns = createSlotQueue(store)
    const account = freshKey()
    const elsewhere = claim(account, { concurrent: 1 })
    await store.reserve(elsewhere, budget())
    const reserved = turns.reserve(claim(account, { concurrent: 1 }), budget(), wish('a'))
    await store.settle(settlement(elsewhere), budget())
    expect((await reserved).outcome).toBe('granted')
  })

  it('is as long as it may be, holds nobody else up, and lets go of who has left', async () => {
    const store = createMemoryStore(systemClock)
    const turns = createSlotQueue(store)
    const account = freshKey()
    await store.reserve(claim(account, { concurrent: 1 }), budget())
    const ask = (more: Partial<SlotWait>) =>
      turns.reserve(claim(account, { concurrent: 1 }), budget(), wish('a', { max: 1, ...more }))
    let leave = () => {}
    const left = ask({
      onLeave: (listener) => {
        leave = listener ?? (() => {})
      },
    })
    await Promise.resolve()
    const full = await ask({})
    expect(full).toMatchObject({ outcome: 'concurrent', retryMs: 1000 })
    const other = claim(freshKey(), { concurrent: 1 })
    expect((await turns.reserve(other, budget(), wish('b'))).outcome).toBe('granted')
    expect(turns.waiting).toBe(1)
    leave()
    await expect(left).rejects.toThrow('left')
    expect(turns.waiting).toBe(0)
    expect(await ask({ waitMs: 20 })).toMatchObject({ outcome: 'concurrent' })
    expect(turns.waiting).toBe(0)
  })

  it('leaves room for other keys, however many persons one key invents', async () => {
    const turns = createSlotQueue({
      reserve: async () => ({
        outcome: 'concurrent',
        ...{ tokens: undefined, requests: undefined, retryMs: 1, local: false },
      }),
    })
    const account = freshKey()
    const leave: (() => void)[] = []
    const ask = (owner: string, key: string) =>
      turns
        .reserve(
          claim(account, { concurrent: 1 }),
          budget(),
          wish(owner, { key, onLeave: (listener) => listener && leave.push(listener) }),
        )
        .catch(() => 'left')
    const ofOne = Array.from({ length: 300 }, (_, at) => ask(`greedy person${at}`, 'greedy'))
    await Promise.all(ofOne.slice(256))
    expect(turns.waiting).toBe(256)
    const another = ask('b', 'b')
    await until(() => turns.waiting === 257)
    for (const each of leave) each()
    await Promise.all([...ofOne, another])
    expect(turns.waiting).toBe(0)
    const again = ask('greedy', 'greedy')
    await until(() => turns.waiting === 1)
    leave.at(-1)?.()
    expect(await again).toBe('left')
  })
})
