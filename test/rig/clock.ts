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
