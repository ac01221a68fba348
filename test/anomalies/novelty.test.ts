/** How surprising a new name is, of a key and beside those of other keys. */
import { describe, expect, it } from 'vitest'
import { Novelty, type Pool } from '../../src/anomalies/novelty.ts'

const windowMs = 600_000
const monthMs = 30 * 24 * 3_600_000

/** Closes windows of ten minutes for a month. @param namesIn what is used in a window */
function aMonth(keys: readonly (readonly [Novelty, (window: number) => readonly string[]])[], pool: Pool) {
  for (let nowMs = 0, window = 0; nowMs < monthMs; nowMs += windowMs, window++)
    for (const [novelty, namesIn] of keys) {
      for (const name of namesIn(window)) novelty.add(name)
      novelty.close(nowMs, nowMs, pool)
    }
}

const quiet = () => [new Novelty(64), () => ['search']] as const

/** The surprise of a tool that this key has never called, in natural units of information. */
function surpriseOf(novelty: Novelty, pool: Pool): number {
  novelty.add('run_shell')
  return novelty.surprise(pool)?.nats ?? 0
}

const month = (names: (window: number) => readonly string[]) => {
  const pool: Pool = { novelties: 0, windows: 0 }
  const inventor = [new Novelty(64), names] as const
  const others = Array.from({ length: 9 }, quiet)
  aMonth([...others, inventor], pool)
  return { pool, inventor: inventor[0], other: others[0]?.[0] ?? new Novelty(64) }
}

describe('a new name', () => {
  it('is a surprise for a quiet key although another one invents names in every window', () => {
    const calm = month(() => ['search'])
    const loud = month((window) => [`a${window}`, `b${window}`, `c${window}`])
    expect(surpriseOf(calm.other, calm.pool)).toBeGreaterThan(13)
    // One in ten thousand. The inventor is one key of ten: what it does may say something of the others, but not much.
    expect(surpriseOf(loud.other, loud.pool)).toBeGreaterThan(9)
    expect(surpriseOf(loud.inventor, loud.pool)).toBeLessThan(1)
  })

  it('counts once for all of a window, and for what follows within half a day', () => {
    const { pool } = month((window) => (window % 72 < 6 && window > 1000 ? [`a${window}`, `b${window}`] : []))
    // The first hour of each half day.
    expect(pool.novelties).toBe(Math.floor((monthMs / windowMs - 1000) / 72))
  })
})
