/** How much of the limits of a request is used, and which of them is the tightest. */
import type { RateLimitStatus, Scope } from '../store.ts'
import type { CountWindow } from './window.ts'

/** How much of a limit is used. */
export interface LimitUse {
  readonly scope: Scope
  readonly limit: number
  readonly window: CountWindow
  /** With what is reserved. */
  readonly used: number
}

/** Describes the use of a limit. */
export function useOf(
  scope: Scope,
  limit: number,
  window: CountWindow,
  now: number,
  pending: number,
): LimitUse {
  return { scope, limit, window, used: window.total(now) + pending }
}

/** Returns the limit that leaves least once `more` are taken. */
export function statusOf(uses: readonly LimitUse[], now: number, more: number): RateLimitStatus | undefined {
  let found: RateLimitStatus | undefined
  for (const { scope, limit, used, window } of uses) {
    const remaining = Math.max(0, limit - used - more)
    if (!found || remaining < found.remaining)
      found = { scope, limit, remaining, resetMs: window.untilEmpty(now) }
  }
  return found
}

/** Returns how long until `more` fit into every one of these windows, in which nothing is merely reserved. */
export function waitFor(uses: readonly LimitUse[], more: number, now: number): number {
  let wait = 0
  for (const { limit, used, window } of uses)
    wait = Math.max(wait, window.untilFreed(now, used + more - limit))
  return wait
}
