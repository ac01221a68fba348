/** What the memory store knows of one account. */

import { dayMs, minuteMs } from '../store.ts'
import { BreakerState, type SavedBreaker } from './breaker.ts'
import { type SavedWindow, SlidingWindow } from './window.ts'

interface Lease {
  readonly tokens: number
  untilMs: number
}

const windowNames = [
  'requests',
  'requestsPerDay',
  'probes',
  'actions',
  'tokensPerMinute',
  'tokensPerDay',
] as const

/** What an account has used; times in milliseconds from when it was saved. */
export interface SavedAccount {
  readonly windows: Partial<Record<(typeof windowNames)[number], SavedWindow>>
  readonly breaker?: SavedBreaker | undefined
  readonly leases: readonly (readonly [lease: string, tokens: number, forMs: number])[]
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

  /** @returns undefined if forgetting it would change nothing */
  save(nowMs: number): SavedAccount | undefined {
    if (this.isIdle(nowMs)) return undefined
    const windows = windowNames
      .map((name) => [name, this[name].save(nowMs)] as const)
      .filter(([, saved]) => saved.length > 0)
    const leases = [...this.#leases].map(
      ([lease, { tokens, untilMs }]) => [lease, tokens, untilMs - nowMs] as const,
    )
    return { windows: Object.fromEntries(windows), breaker: this.breaker.save(nowMs), leases }
  }

  restore(nowMs: number, { windows, breaker, leases }: SavedAccount): void {
    for (const name of windowNames) this[name].restore(nowMs, windows[name] ?? [])
    if (breaker) this.breaker.restore(nowMs, breaker)
    for (const [lease, tokens, forMs] of leases) this.hold(lease, tokens, nowMs + forMs)
  }

  /** Whether forgetting it would change nothing. */
  isIdle(nowMs: number): boolean {
    return (
      this.leases(nowMs) === 0 &&
      this.breaker.isForgettable(nowMs) &&
      windowNames.every((name) => this[name].total(nowMs) === 0)
    )
  }
}
