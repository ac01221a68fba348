/**
 * `store.onFailure: local`: while Redis is away, each gateway counts for itself, and says so. What was reserved or
 * tried in one store is renewed and settled in the same one.
 */
import { Refusal } from '../core/refusal.ts'
import type { Renewal, Settlement, Store } from './store.ts'

export function createFallbackStore(shared: Store, local: Store, onFallback: () => void): Store {
  /** Leases of what is held here. */
  const claims = new Set<string>()
  const trials = new Set<string>()
  let mode: Store['mode'] = 'shared'

  const isAway = (error: unknown) => error instanceof Refusal && error.code === 'store_unavailable'
  const either = async <T>(remote: () => Promise<T>, fallback: () => Promise<T>): Promise<T> => {
    try {
      const answer = await remote()
      mode = 'shared'
      return answer
    } catch (error) {
      if (!isAway(error)) throw error
      mode = 'local'
      onFallback()
      return fallback()
    }
  }
  const part = <T extends Renewal | Settlement>(of: T, here: boolean): T => ({
    ...of,
    claim: claims.has(of.lease) === here ? of.claim : undefined,
    trial: trials.has(of.lease) === here ? of.trial : undefined,
  })
  const holds = ({ claim, trial }: Renewal | Settlement) => claim !== undefined || trial !== undefined

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
          if (admission.trial) trials.add(entry.lease)
          return { ...admission, local: true }
        },
      ),
    reserve: (claim, budget) =>
      either(
        () => shared.reserve(claim, budget),
        async () => {
          const reservation = await local.reserve(claim, budget)
          if (reservation.outcome === 'granted') claims.add(claim.lease)
          return { ...reservation, local: true }
        },
      ),
    // Where it was counted.
    refund: (entry, admission, budget) => (admission.local ? local : shared).refund(entry, admission, budget),
    async renew(renewals) {
      await local.renew(renewals.map((each) => part(each, true)).filter(holds))
      await shared.renew(renewals.map((each) => part(each, false)).filter(holds))
    },
    async settle(settlement, budget) {
      const here = part(settlement, true)
      const there = part(settlement, false)
      claims.delete(settlement.lease)
      trials.delete(settlement.lease)
      if (holds(here) && !holds(there)) return local.settle(settlement, budget)
      if (holds(here)) await local.settle({ ...here, actions: 0, repetition: undefined }, budget)
      return either(
        () => shared.settle(there, budget),
        // Redis is told later what it holds; what must be judged now is judged here.
        () => local.settle({ ...there, claim: undefined, trial: undefined }, budget),
      )
    },
    async closeBreaker(account, budget) {
      const here = await local.closeBreaker(account, budget)
      return either(
        async () => (await shared.closeBreaker(account, budget)) || here,
        async () => here,
      )
    },
    async close() {
      await Promise.all([shared.close(), local.close()])
    },
  }
}
