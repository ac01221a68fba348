/**
 * `store.onFailure: local`: while Redis is away, each gateway counts for itself, and says so. A request that
 * was reserved in one store is settled in the same one.
 */
import { Refusal } from '../core/refusal.ts'
import type { Claim, Store } from './store.ts'

export function createFallbackStore(shared: Store, local: Store, onFallback: () => void): Store {
  const reservedLocally = new Set<string>()

  const either = async <T>(remote: () => Promise<T>, fallback: () => Promise<T>): Promise<T> => {
    try {
      return await remote()
    } catch (error) {
      if (!(error instanceof Refusal) || error.code !== 'store_unavailable') throw error
      onFallback()
      return fallback()
    }
  }

  return {
    check: shared.check,
    admit: (subject, kind, limit, budget) =>
      either(
        () => shared.admit(subject, kind, limit, budget),
        () => local.admit(subject, kind, limit, budget),
      ),
    reserve: (claim, budget) =>
      either(
        () => shared.reserve(claim, budget),
        async () => {
          const reservation = await local.reserve(claim, budget)
          if (reservation.outcome === 'granted') reservedLocally.add(claim.lease)
          return reservation
        },
      ),
    settle(claim: Claim, spent: number) {
      return reservedLocally.delete(claim.lease) ? local.settle(claim, spent) : shared.settle(claim, spent)
    },
    async close() {
      await Promise.all([shared.close(), local.close()])
    },
  }
}
