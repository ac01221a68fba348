/**
 * Accounts of capability tokens in the memory store. Anybody who has a key makes tokens, so they are kept apart from
 * the accounts of keys, and bounded for each key: none is ever forgotten to make room, or a budget would begin anew.
 */
import { Refusal } from '../../core/refusal.ts'
import { MemoryAccount } from './memory-account.ts'

/** With a budget, of one key, that were used within a day; and of all keys together. */
const maxEach = 1000
const maxInAll = 20_000
/** Looking for those that are over takes a while. */
const sweepMs = 60_000

/** Accounts of capability tokens. */
export interface TokenAccounts {
  /** @param name `KEY:TOKEN`. @throws Refusal `tokens_exhausted` where there are too many */
  of(name: string): MemoryAccount
  /** All that there are, by name. */
  all(): readonly (readonly [name: string, account: MemoryAccount])[]
}

/** Holds none yet. @param nowMs by a monotonic clock */
export function createTokenAccounts(nowMs: () => number): TokenAccounts {
  const byKey = new Map<string, Map<string, MemoryAccount>>()
  let sweptMs = nowMs()
  let count = 0

  const sweep = () => {
    if (nowMs() - sweptMs < sweepMs) return
    sweptMs = nowMs()
    for (const [key, accounts] of byKey) {
      for (const [name, account] of accounts) if (account.isIdle(sweptMs) && accounts.delete(name)) count--
      if (accounts.size === 0) byKey.delete(key)
    }
  }

  return {
    all: () => [...byKey.values()].flatMap((accounts) => [...accounts]),
    of(name) {
      const key = name.slice(0, name.lastIndexOf(':'))
      const accounts = byKey.get(key) ?? new Map<string, MemoryAccount>()
      const known = accounts.get(name)
      if (known) return known
      if (accounts.size >= maxEach || count >= maxInAll) {
        sweep()
        throw new Refusal('tokens_exhausted', {
          say: 'Too many tokens of this key have budgets of their own. Try again later.',
          retryAfterSeconds: sweepMs / 1000,
        })
      }
      const fresh = new MemoryAccount()
      byKey.set(key, accounts.set(name, fresh))
      count++
      return fresh
    },
  }
}
