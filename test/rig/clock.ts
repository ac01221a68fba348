/** A clock that only moves when told to. */
import type { Clock } from '../../src/core/clock.ts'

export function stillClock(startMs = 1_000_000): Clock & { advance(ms: number): void } {
  let now = startMs
  return {
    wallMs: () => now,
    monotonicMs: () => now,
    advance(ms) {
      now += ms
    },
  }
}

/** A clock that goes on as time does, and can be put forward. */
export function shiftedClock(): Clock & { advance(ms: number): void } {
  let ahead = 0
  return {
    wallMs: () => Date.now() + ahead,
    monotonicMs: () => performance.now() + ahead,
    advance(ms) {
      ahead += ms
    },
  }
}
