/**
 * A store whose reservations last as long as their requests: what is held is renewed until it is settled. So leases
 * can be short, and what a gateway that died had reserved is free again soon.
 */
import { Refusal } from '../core/refusal.ts'
import {
  type Account,
  type Admission,
  type AdmissionRequest,
  type Claim,
  leaseMs,
  type Renewal,
  type Reservation,
  type Store,
} from './store.ts'

/** A store that renews what it has reserved. */
export interface LeaseRenewer extends Store {
  /** Renews everything that is held, at once. */
  renewAll(): Promise<void>
}

/** Twice a renewal may fail before a lease runs out. */
const renewEveryMs = leaseMs / 3

/**
 * Wraps a store.
 * @param onFailure told when a renewal fails; the next one is tried in time
 */
export function createLeaseRenewer(store: Store, onFailure: (error: unknown) => void): LeaseRenewer {
  const held = new Map<string, Renewal>()
  const renewAll = () => store.renew([...held.values()]).catch(onFailure)
  const timer = setInterval(() => {
    if (held.size > 0) void renewAll()
  }, renewEveryMs)
  timer.unref()
  const hold = (lease: string, more: { claim: Renewal['claim'] } | { trial: Account }) => {
    held.set(lease, { lease, claim: undefined, trial: undefined, ...held.get(lease), ...more })
  }
  const holdTrial = (entry: AdmissionRequest, admission: Admission) => {
    if (admission.trial && entry.breaker) hold(entry.lease, { trial: entry.breaker.account })
  }
  const holdClaim = (claim: Claim, reservation: Reservation) => {
    if (reservation.outcome === 'granted') hold(claim.lease, { claim })
  }
  return {
    get mode() {
      return store.mode
    },
    renewAll,
    check: () => store.check(),
    renew: (renewals) => store.renew(renewals),
    use: (account, budget) => store.use(account, budget),
    closeBreaker: (account, budget) => store.closeBreaker(account, budget),
    async admit(entry, budget) {
      const admission = await store.admit(entry, budget)
      holdTrial(entry, admission)
      return admission
    },
    async reserve(claim, budget) {
      const reservation = await store.reserve(claim, budget)
      holdClaim(claim, reservation)
      return reservation
    },
    async admitAndReserve(entry, claim, budget) {
      const entrance = await store.admitAndReserve(entry, claim, budget)
      const { admission, reservation } = entrance
      holdTrial(entry, admission)
      if (reservation && !(reservation instanceof Refusal)) holdClaim(claim, reservation)
      return entrance
    },
    defer: (entry) => store.defer(entry),
    refund: (entry, admission, budget) => store.refund(entry, admission, budget),
    settle(settlement, budget) {
      held.delete(settlement.lease)
      return store.settle(settlement, budget)
    },
    async close() {
      clearInterval(timer)
      await store.close()
    },
  }
}
