/** What the memory store knows of one account. */

import { dayMs, minuteMs } from '../store.ts'
import { BreakerState } from './breaker.ts'
import { SlidingWindow } from './window.ts'

interface Lease {
  readonly tokens: number
  untilMs: number
}

/** The windows, leases and breaker of one account. */
export class MemoryAccount {
  readonly requests = new SlidingWindow(minuteMs)
  readonly requestsPerDay = new SlidingWindow(dayMs)
  readonly probes = new SlidingWindow(minuteMs)
  readonly actions = new SlidingWindow(minuteMs)
  readonly tokensPerMinute = new SlidingWindow(minuteMs)
  readonly tokensPerDay = new SlidingWindow(dayMs)
  readonly breaker = new BreakerState()
  readonly #leases = new Map<string, Lease>()
  #pending = 0

  /** Reservations that have not run out. */
  leases(nowMs: number): number {
    for (const [lease, { untilMs }] of this.#leases) if (untilMs <= nowMs) this.release(lease)
    return this.#leases.size
  }

  /** The same and their tokens, without forgetting those that ran out: who only looks must not change what is settled. */
  held(nowMs: number): { readonly leases: number; readonly tokens: number } {
    const open = [...this.#leases.values()].filter(({ untilMs }) => untilMs > nowMs)
    return { leases: open.length, tokens: open.reduce((sum, { tokens }) => sum + tokens, 0) }
  }

  /** Tokens of these. */
  pending(nowMs: number): number {
    this.leases(nowMs)
    return this.#pending
  }

  hold(lease: string, tokens: number, untilMs: number): void {
    const held = this.#leases.get(lease)
    if (held) held.untilMs = untilMs
    else {
      this.#leases.set(lease, { tokens, untilMs })
      this.#pending += tokens
    }
  }

  /** @returns whether it was held */
  release(lease: string): boolean {
    this.#pending -= this.#leases.get(lease)?.tokens ?? 0
    return this.#leases.delete(lease)
  }

  /** What led to it is forgotten: waiting is the answer to that. @returns for how long */
  openBreaker(nowMs: number): number {
    this.actions.clear()
    return this.breaker.open(nowMs)
  }

  /** Whether forgetting it would change nothing. */
  isIdle(nowMs: number): boolean {
    const windows = [
      this.requests,
      this.requestsPerDay,
      this.probes,
      this.actions,
      this.tokensPerMinute,
      this.tokensPerDay,
    ]
    return (
      this.leases(nowMs) === 0 &&
      this.breaker.isForgettable(nowMs) &&
      windows.every((window) => window.total(nowMs) === 0)
    )
  }
}
