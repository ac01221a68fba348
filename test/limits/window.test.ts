import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SlidingWindow } from '../../src/limits/memory/window.ts'

const minute = 60_000

describe('a window', () => {
  it('never holds more than was let in during any window of its length, and forgets at most a step late', () => {
    const steps = fc.array(fc.tuple(fc.nat(15_000), fc.integer({ min: 1, max: 5 })), {
      minLength: 1,
      maxLength: 80,
    })
    fc.assert(
      fc.property(steps, (events) => {
        const window = new SlidingWindow(minute)
        let now = 5_000_000
        const added: (readonly [number, number])[] = []
        for (const [wait, count] of events) {
          now += wait
          const held = window.total(now)
          const within = (ms: number) =>
            added.filter(([at]) => at > now - ms).reduce((sum, [, each]) => sum + each, 0)
          expect(held).toBeGreaterThanOrEqual(within(minute))
          expect(held).toBeLessThanOrEqual(within(minute + minute / 60 + 1))
          window.add(now, count)
          added.push([now, count])
        }
      }),
    )
  })

  it('tells truly when something is forgotten', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(5000), fc.integer({ min: 1, max: 3 })), { minLength: 1, maxLength: 20 }),
        fc.integer({ min: 1, max: 10 }),
        (events, wanted) => {
          const window = new SlidingWindow(minute)
          let now = 5_000_000
          for (const [wait, count] of events) {
            now += wait
            window.add(now, count)
          }
          const held = window.total(now)
          fc.pre(wanted <= held)
          const wait = window.untilFreed(now, wanted)
          expect(window.untilEmpty(now)).toBe(window.untilFreed(now, held))
          const probe = (at: number) => {
            const copy = new SlidingWindow(minute)
            let then = 5_000_000
            for (const [each, count] of events) {
              then += each
              copy.add(then, count)
            }
            return copy.total(at)
          }
          expect(probe(now + wait)).toBeLessThanOrEqual(held - wanted)
          expect(probe(now + wait - 1)).toBeGreaterThan(held - wanted)
        },
      ),
    )
  })

  it('is empty again after a long time, and starts anywhere', () => {
    const window = new SlidingWindow(minute)
    window.add(10, 3)
    expect(window.total(10 + minute * 1000)).toBe(0)
    expect(window.untilFreed(10 + minute * 1000, 1)).toBe(Number.POSITIVE_INFINITY)
    expect(window.untilEmpty(10 + minute * 1000)).toBe(0)
  })
})
