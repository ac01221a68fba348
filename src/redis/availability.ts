/**
 * Whether Redis can be asked, and asking it within a request's budget.
 *
 * After a call that failed or took a whole budget, nobody asks any more: requests are told at once, and one small
 * write a moment tries until Redis answers again. So nothing waits for a server that hangs, nothing piles up in its
 * connection, and when it is back it does not meet everybody at the same time.
 */
import { Refusal } from '../core/refusal.ts'
import type { Budget } from '../limits/store.ts'
import { NoAnswer, within } from './timeout.ts'

export interface RedisAvailability {
  readonly up: boolean
  /**
   * @param undo called if the call may still be carried out although its answer came too late
   * @throws Refusal `store_unavailable`
   */
  call<T>(run: () => Promise<T>, budget: Budget, undo?: () => void): Promise<T>
  /** Asks. */
  check(): Promise<boolean>
  /** Resolves when Redis answers for the first time, or after `patienceMs`. */
  opened(patienceMs: number): Promise<void>
  close(): void
}

export interface LinkOptions {
  readonly timeoutMs: number
  /** A write that changes nothing; what it prepares is there before anything else is asked. */
  touch(): Promise<unknown>
  onAway(error: unknown): void
  /** Redis answers again: what is to be put right is sent before anybody asks anything. */
  onBack(): void
}

const probeEveryMs = 100
const quietFailures = 10
/** Part of the timeout that a call must have waited for its silence to mean something: budgets are shared. */
const telling = 0.8

export function createLink({ timeoutMs, touch, onAway, onBack }: LinkOptions): RedisAvailability {
  let up = false
  let closed = false
  let probing: NodeJS.Timeout | undefined
  let failed = 0
  let opened: (() => void)[] = []

  const probe = async () => {
    try {
      await within(touch(), timeoutMs)
    } catch (error) {
      if (closed) return
      // The first ones of a start only find that the connection is not made yet.
      if (++failed > quietFailures) onAway(error)
      probing = setTimeout(probe, probeEveryMs)
      return
    }
    failed = 0
    if (closed || up) return
    up = true
    onBack()
    for (const tell of opened.splice(0)) tell()
  }
  void probe()

  const lose = (error: unknown) => {
    if (!up || closed) return
    up = false
    onAway(error)
    clearTimeout(probing)
    probing = setTimeout(probe, probeEveryMs)
  }

  const call: RedisAvailability['call'] = async (run, budget, undo) => {
    if (!up) throw away(new Error('redis is away'))
    const startedAt = performance.now()
    try {
      return await within(run(), Math.max(1, budget.leftMs))
    } catch (cause) {
      undo?.()
      const waited = performance.now() - startedAt
      if (!(cause instanceof NoAnswer) || waited >= timeoutMs * telling) lose(cause)
      throw away(cause)
    } finally {
      budget.leftMs -= performance.now() - startedAt
    }
  }

  return {
    get up() {
      return up
    },
    call,
    async check() {
      if (!up) return false
      return call(touch, { leftMs: timeoutMs }).then(
        () => true,
        () => false,
      )
    },
    opened: (patienceMs) =>
      up
        ? Promise.resolve()
        : new Promise((resolve) => {
            const timer = setTimeout(resolve, patienceMs)
            opened.push(() => {
              clearTimeout(timer)
              resolve()
            })
          }),
    close() {
      closed = true
      clearTimeout(probing)
      for (const tell of opened) tell()
      opened = []
    },
  }
}

function away(cause: unknown): Refusal {
  return new Refusal('store_unavailable', { detail: 'redis did not answer', cause, retryAfterSeconds: 1 })
}
