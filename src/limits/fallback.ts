/**
 * `store.onFailure: local`: while Redis is away, each gateway counts for itself, and says so. What was reserved in
 * one store is renewed and settled in the same one.
 */
import { Refusal } from '../core/refusal.ts'
import type { Renewal, Store } from './store.ts'

export function createFallbackStore(shared: Store, local: Store, onFallback: () => void): Store {
  const reservedLocally = new Set<string>()
  let mode: Store['mode'] = 'shared'

  const either = async <T>(remote: () => Promise<T>, fallback: () => Promise<T>): Promise<T> => {
    try {
      const answer = await remote()
      mode = 'shared'
      return answer
    } catch (error) {
      if (!(error instanceof Refusal) || error.code !== 'store_unavailable') throw error
      mode = 'local'
      onFallback()
      return fallback()
    }
  }
  const isLocal = ({ lease }: Renewal) => reservedLocally.has(lease)

  return {
    get mode() {
      return mode
    },
    async check() {
      const up = await shared.check()
      mode = up ? 'shared' : 'local'
      return up
    },
    admit: (entry, budget) =>
      either(
        () => shared.admit(entry, budget),
        async () => {
          const admission = await local.admit(entry, budget)
          if (admission.trial) reservedLocally.add(entry.lease)
          return { ...admission, local: true }
        },
      ),
    reserve: (claim, budget) =>
      either(
        () => shared.reserve(claim, budget),
        async () => {
          const reservation = await local.reserve(claim, budget)
          if (reservation.outcome === 'granted') reservedLocally.add(claim.lease)
          return { ...reservation, local: true }
        },
      ),
    async renew(renewals) {
      await Promise.all([
        local.renew(renewals.filter(isLocal)),
        shared.renew(renewals.filter((renewal) => !isLocal(renewal))),
      ])
    },
    settle: (settlement, budget) =>
      reservedLocally.delete(settlement.lease)
        ? local.settle(settlement, budget)
        : either(
            () => shared.settle(settlement, budget),
            // Redis keeps what it reserved for later; what must be judged now is judged here.
            () => local.settle({ ...settlement, claim: undefined, trial: undefined }, budget),
          ),
    closeBreaker: async (account, budget) => {
      const here = await local.closeBreaker(account, budget)
      return (await shared.closeBreaker(account, budget)) || here
    },
    async close() {
      await Promise.all([shared.close(), local.close()])
    },
  }
}
