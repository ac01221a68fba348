/** Accounts of persons behind a key: bounded, however many are invented. */
import { describe, expect, it } from 'vitest'
import { createMemoryStore } from '../../src/limits/memory/memory.ts'
import { Persons } from '../../src/limits/persons.ts'
import type { Account } from '../../src/limits/store.ts'
import { stillClock } from '../rig/clock.ts'
import { budget, claim, claimed, settlement } from '../rig/limits.ts'

const day = 86_400_000

describe('the persons of a key', () => {
  it('have accounts of their own, apart from those of another key', () => {
    const persons = new Persons()
    const [one, again, other, foreign] = [
      persons.accountOf('k', 'a', 0),
      persons.accountOf('k', 'a', 1),
      persons.accountOf('k', 'b', 2),
      persons.accountOf('k2', 'a', 3),
    ]
    expect(one).toEqual(again)
    expect(new Set([one, other, foreign].map(({ name }) => name)).size).toBe(3)
  })

  it('count as one where requests name none, and that one is nobody whom a request could name', () => {
    const persons = new Persons()
    expect(persons.accountOf('k', undefined, 0)).toEqual(persons.accountOf('k', undefined, 1))
    // The last blank parts the two, and no id has one.
    expect(persons.accountOf('k x', undefined, 0)).not.toEqual(persons.accountOf('k', 'x', 0))
  })

  it('share one account beyond ten thousand, so that inventing more gains nothing', () => {
    const persons = new Persons()
    const names = new Set<string>()
    for (let count = 0; count < 100_000; count++) names.add(persons.accountOf('k', `p${count}`, count).name)
    expect(names.size).toBe(10_001)
    // Who was there before keeps what was counted, and so does another key's person.
    expect(persons.accountOf('k', 'p0', 200_000).name).toBe('k p0')
    expect(persons.accountOf('other', 'p0', 200_000).name).toBe('other p0')
    expect(persons.accountOf('k', 'late', 200_000).name).toBe('k *')
  })

  it('share one beyond twenty thousand of all keys', () => {
    const persons = new Persons()
    const names = new Set<string>()
    for (let count = 0; count < 30_000; count++)
      names.add(persons.accountOf(`k${count % 3}`, `p${count}`, 0).name)
    expect([...names].filter((name) => !name.endsWith('*'))).toHaveLength(20_000)
  })

  it('have accounts of their own however many the holders of other keys invent', () => {
    const persons = new Persons()
    const invent = (key: string, from: number, to: number) => {
      for (let count = from; count < to; count++) persons.accountOf(key, `p${count}`, count)
    }
    invent('loud', 0, 10_000)
    invent('louder', 0, 10_000)
    const own = (key: string, count: number) =>
      Array.from({ length: count }, (_, each) => persons.accountOf(key, `q${each}`, 20_000).name).filter(
        (name) => !name.endsWith('*'),
      ).length
    expect(own('quiet', 2_000)).toBe(2_000)
    // Both go on, and displace themselves.
    invent('loud', 10_000, 30_000)
    invent('louder', 10_000, 30_000)
    expect(own('quiet', 2_000)).toBe(2_000)
    expect(own('another', 100)).toBe(100)
    expect(own('quiet', 2_000)).toBe(2_000)
    // Who was seen longest ago has lost its place.
    invent('louder', 30_000, 40_000)
    expect(persons.accountOf('loud', 'p0', 40_001).name).toBe('loud *')
    expect(persons.accountOf('loud', 'p9999', 40_001).name).toBe('loud p9999')
  })

  it('are forgotten after a day without a request', () => {
    const persons = new Persons()
    for (let count = 0; count < 10_000; count++) persons.accountOf('k', `p${count}`, 0)
    persons.accountOf('k', 'p7', day / 2)
    expect(persons.accountOf('k', 'new', day - 1).name).toBe('k *')
    expect(persons.accountOf('k', 'new', day + 60_000).name).toBe('k new')
    expect(persons.accountOf('k', 'p7', day + 60_000).name).toBe('k p7')
  })
})

describe('the memory store', () => {
  it('forgets no count of a key when its persons are many', async () => {
    const store = createMemoryStore(stillClock())
    const key: Account = { scope: 'key', name: 'k' }
    const spend = async (person: string) => {
      const accounts = [
        claimed(key, { tokensPerDay: 900_000 }),
        claimed({ scope: 'person', name: `k ${person}` }, { tokensPerMinute: 30 }),
      ]
      const wanted = claim(key, {}, { tokens: 20, accounts })
      const { outcome } = await store.reserve(wanted, budget())
      if (outcome === 'granted') await store.settle(settlement(wanted, { spent: 20 }), budget())
      return outcome
    }
    expect([await spend('p'), await spend('p')]).toEqual(['granted', 'tokens'])
    let granted = 1
    for (let count = 0; count < 46_000; count++) if ((await spend(`p${count}`)) === 'granted') granted++
    // Whoever they are said to be from.
    expect(granted).toBe(45_000)
  })
})
