/**
 * The in-process store: exact for one gateway, forgotten at restart. Subjects are the keys of the key file, which
 * bound its size.
 */
import type { Clock } from '../core/clock.ts'
import { type Admission, type Claim, dayMs, minuteMs, type Reservation, type Store } from './store.ts'
import { Window } from './window.ts'

interface Account {
  readonly requests: Window
  readonly probes: Window
  readonly tokensMinute: Window
  readonly tokensDay: Window
  readonly leases: Map<string, { readonly tokens: number; readonly untilMs: number }>
  /** Sum over the leases. */
  pending: number
}

export function createMemoryStore(clock: Clock): Store {
  const accounts = new Map<string, Account>()

  const account = (subject: string): Account => {
    const known = accounts.get(subject)
    if (known) return known
    const fresh: Account = {
      requests: new Window(minuteMs),
      probes: new Window(minuteMs),
      tokensMinute: new Window(minuteMs),
      tokensDay: new Window(dayMs),
      leases: new Map(),
      pending: 0,
    }
    accounts.set(subject, fresh)
    return fresh
  }

  return {
    check: async () => true,
    async admit(subject, kind, limit): Promise<Admission> {
      const now = clock.monotonicMs()
      const window = account(subject)[kind]
      const total = window.total(now)
      const admitted = total < limit
      if (admitted) window.add(now, 1)
      const held = admitted ? total + 1 : total
      return {
        admitted,
        remaining: Math.max(0, limit - held),
        resetMs: window.untilEmpty(now),
        retryMs: admitted ? 0 : window.untilFreed(now, total - limit + 1),
      }
    },

    async reserve(claim): Promise<Reservation> {
      const now = clock.monotonicMs()
      const own = account(claim.subject)
      dropExpired(own, now)
      if (claim.concurrent !== undefined && own.leases.size >= claim.concurrent)
        return { outcome: 'concurrent', ...tightest(own, claim, now, 0), retryMs: 1000 }
      const fits = tightest(own, claim, now, claim.tokens)
      if (fits.retryMs > 0)
        return { outcome: 'tokens', ...tightest(own, claim, now, 0), retryMs: fits.retryMs }
      own.leases.set(claim.lease, { tokens: claim.tokens, untilMs: now + claim.leaseMs })
      own.pending += claim.tokens
      return { outcome: 'granted', ...fits, retryMs: 0 }
    },

    async settle(claim, spent) {
      const now = clock.monotonicMs()
      const own = account(claim.subject)
      release(own, claim.lease)
      if (claim.tokensPerMinute !== undefined) own.tokensMinute.add(now, spent)
      if (claim.tokensPerDay !== undefined) own.tokensDay.add(now, spent)
    },

    async close() {
      accounts.clear()
    },
  }
}

function release(account: Account, lease: string): void {
  account.pending -= account.leases.get(lease)?.tokens ?? 0
  account.leases.delete(lease)
}

function dropExpired(account: Account, now: number): void {
  for (const [lease, { untilMs }] of account.leases) if (untilMs <= now) release(account, lease)
}

/** The token limit that leaves least once `tokens` more are reserved; `retryMs` 0 if all of them hold. */
function tightest(account: Account, claim: Claim, now: number, tokens: number) {
  let tight = { remaining: Number.POSITIVE_INFINITY, limit: Number.POSITIVE_INFINITY, resetMs: 0 }
  let retryMs = 0
  for (const [limit, window] of [
    [claim.tokensPerMinute, account.tokensMinute],
    [claim.tokensPerDay, account.tokensDay],
  ] as const) {
    if (limit === undefined) continue
    const spent = window.total(now)
    const over = spent + account.pending + tokens - limit
    // What is merely reserved may come back at any moment: ask again soon.
    if (over > 0) retryMs = Math.max(retryMs, over > spent ? 1000 : window.untilFreed(now, over))
    const remaining = Math.max(0, -over)
    if (remaining < tight.remaining) tight = { remaining, limit, resetMs: window.untilEmpty(now) }
  }
  return { ...tight, retryMs }
}
