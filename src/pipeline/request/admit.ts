/** Is there room for one more request? Not one byte of the body has been parsed yet. */

import { holderOf } from '../../auth/identity.ts'
import { Refusal } from '../../core/refusal.ts'
import { entryLimits, keyAccount } from '../../limits/accounts.ts'
import type { Admission, AdmissionRequest, Scope, Store } from '../../limits/store.ts'
import { type Admitted, type Authenticated, extend, type Metered } from '../context.ts'

/** @throws Refusal `store_unavailable`; `rate_limited` or `breaker_open`, with what was counted in the context by then */
export type Admit = (request: Authenticated, to: Metered) => Promise<Admitted>

/** @param onOpened told of a breaker that was opened by this caller */
export function createAdmit(store: Store, onOpened: (request: Authenticated) => void): Admit {
  return async (request, { endpoint, perMinute }) => {
    const { lease, policy, storeBudget, identity, role } = request
    const kind = endpoint.cost === 'request' ? 'requests' : 'probes'
    const account = keyAccount(holderOf(identity))
    const limits = entryLimits(account, kind, role, policy, perMinute)
    const { actionsPerMinute } = role.limits
    const breaker =
      kind === 'requests' && actionsPerMinute !== undefined ? { account, actionsPerMinute } : undefined
    if (limits.length === 0 && !breaker) return extend(request, { entry: undefined, admission: undefined })
    const entry: AdmissionRequest = { lease, kind, limits, breaker }
    const admission = await store.admit(entry, storeBudget)
    if (admission.opened) onOpened(request)
    const admitted = extend(request, { entry, admission })
    requireAdmitted(admission)
    return admitted
  }
}

/** @throws Refusal `rate_limited` or `breaker_open` */
function requireAdmitted(admission: Admission): void {
  if (admission.outcome === 'admitted') return
  const retryAfterSeconds = wholeSeconds(admission.retryMs)
  if (admission.outcome === 'breaker') throw new Refusal('breaker_open', { retryAfterSeconds })
  throw new Refusal('rate_limited', {
    retryAfterSeconds,
    ...saySharedBy(admission.standing?.scope, 'Too many requests'),
  })
}

const together: Readonly<Record<Scope, string | undefined>> = {
  key: undefined,
  role: 'for all keys of this role together',
  model: 'for all callers of this model together',
  all: 'for all callers together',
  token: 'for this token, whose budget is used up',
}

/** Tells a caller that it is not it alone who has used up a limit. */
export function saySharedBy(scope: Scope | undefined, what: string): { say?: string } {
  const whose = scope && together[scope]
  return whose === undefined ? {} : { say: `${what} ${whose}. Try again later.` }
}

/**
 * For `retry-after` of what was refused after a model worked on it: the wait holds for the next request as a whole,
 * which must be admitted again too.
 */
export function secondsUntilNext(retryMs: number, admission: Admission | undefined): number {
  return wholeSeconds(Math.max(retryMs, admission?.nextMs ?? 0))
}

/** For `retry-after`: rounded up, so that who waits that long is let in. */
export function wholeSeconds(ms: number): number {
  return Math.max(1, Math.ceil(ms / 1000))
}
