/**
 * How much of what each caller sends is read for nothing. A request that was not let through to a model does not count
 * against `requestsPerMinute`, but reading a large one costs the same: past so many bytes a minute they count, or whoever
 * is never let through could keep the one thread busy. Of each gateway by itself.
 */
import { LRUCache } from 'lru-cache'
import type { Clock } from '../../core/clock.ts'
import { SlidingWindow } from '../../limits/memory/window.ts'
import { minuteMs } from '../../limits/store.ts'

/** Some hundred turns of a coding agent; reading it takes a second or two. */
const maxBytes = 32 * 1024 * 1024
/** What each takes at least: answering it costs as much. */
const minBytes = 16 * 1024
const maxOwners = 10_000

/** Bounds what each caller has read in vain, a minute. */
export class UnpaidReading {
  readonly #clock: Clock
  readonly #byOwner = new LRUCache<string, SlidingWindow>({ max: maxOwners })

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** @param bytes that were read of its body @returns whether a request of this caller may go uncounted */
  take(owner: string, bytes: number): boolean {
    const now = this.#clock.monotonicMs()
    const window = this.#byOwner.get(owner) ?? new SlidingWindow(minuteMs)
    this.#byOwner.set(owner, window)
    const taken = Math.max(bytes, minBytes)
    if (window.total(now) + taken > maxBytes) return false
    window.add(now, taken)
    return true
  }
}
