/** A limit store behind which another one can be put, while requests are counted. */
import type { Store } from './store.ts'

/** A store that asks another one. */
export interface SwitchedStore extends Store {
  /** Asks this one from now on. The one before is not closed. */
  switchTo(store: Store): void
}

/** @param first asked until another one is put in its place */
export function createSwitchedStore(first: Store): SwitchedStore {
  let current = first
  return {
    switchTo(store) {
      current = store
    },
    get mode() {
      return current.mode
    },
    admit: (entry, budget) => current.admit(entry, budget),
    reserve: (claim, budget) => current.reserve(claim, budget),
    admitAndReserve: (entry, claim, budget) => current.admitAndReserve(entry, claim, budget),
    defer: (entry) => current.defer(entry),
    renew: (renewals) => current.renew(renewals),
    settle: (settlement, budget) => current.settle(settlement, budget),
    refund: (entry, admission, budget) => current.refund(entry, admission, budget),
    use: (account, budget) => current.use(account, budget),
    closeBreaker: (account, budget) => current.closeBreaker(account, budget),
    check: () => current.check(),
    close: () => current.close(),
  }
}
