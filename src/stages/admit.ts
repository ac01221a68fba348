/** Stage 4: is there room for one more request? Not one byte of the body has been parsed yet. */
import { Refusal } from '../core/refusal.ts'
import type { Store } from '../limits/store.ts'
import type { Admitted, Caller, Destination } from './exchange.ts'

export function createAdmit(store: Store) {
  return async (caller: Caller, { endpoint }: Destination): Promise<Admitted> => {
    const kind = endpoint.cost === 'request' ? 'requests' : 'probes'
    const { requestsPerMinute, probesPerMinute } = caller.role.limits
    const limit = kind === 'requests' ? requestsPerMinute : probesPerMinute
    const admission =
      limit === undefined
        ? undefined
        : await store.admit(caller.identity.id, kind, limit, caller.arrival.budget)
    return { caller, admission, limit }
  }
}

/** @throws Refusal `rate_limited` */
export function requireAdmitted({ admission }: Admitted): void {
  if (admission && !admission.admitted)
    throw new Refusal('rate_limited', { retryAfterSeconds: wholeSeconds(admission.retryMs) })
}

/** For `retry-after`: rounded up, so that who waits that long is let in. */
export function wholeSeconds(ms: number): number {
  return Math.max(1, Math.ceil(ms / 1000))
}
