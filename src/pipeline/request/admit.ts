/**
 * Counts a request before its body is parsed. Where the store expects room, a small body is read first, so that the store
 * is asked only once, for admission and reservation together (`reserve.ts`). If such a request ends before that, it is
 * counted first, so that refusals come in the same order.
 */

import { holderOf } from '../../auth/identity.ts'
import { Refusal } from '../../core/refusal.ts'
import type { Exchange } from '../../dialects/dialect.ts'
import { entryLimits, isShared as isEnforced, keyAccount } from '../../limits/accounts.ts'
import type { Admission, AdmissionRequest, Claim, Reservation, Scope, Store } from '../../limits/store.ts'
import {
  type Admitted,
  type Authenticated,
  extend,
  type Metered,
  type Received,
  type RequestContext,
} from '../context.ts'
import type { ResponseWriter } from '../ports.ts'

/** Bytes of a body. Reading a longer one takes longer than the round trip that is saved. */
const maxDeferredBytes = 64 * 1024

/** Counts requests. What was counted is in the context when a method throws. */
export interface Admit {
  /** Counts a request now. @throws Refusal `rate_limited`, `breaker_open`, `store_unavailable` */
  now(request: Authenticated, to: Metered): Promise<Admitted>
  /**
   * Counts a request now, unless its body is small and the store expects to admit it. Then it is `isDeferred`, and one of
   * the other methods must follow. @throws as `now`
   */
  nowOrLater(
    request: Authenticated,
    to: { readonly endpoint: Exchange },
    writer: Pick<ResponseWriter, 'announcedBytes'>,
  ): Promise<Admitted>
  /** Counts a deferred request and sets aside what it claims. @throws as `now` */
  andReserve(request: Deferred, claim: Claim): Promise<Reservation>
  /** Counts a deferred request alone. @throws as `now` */
  deferred(request: Deferred): Promise<void>
}

/** A request that still has to be counted. */
export type Deferred = KnownCaller & { readonly entry: AdmissionRequest }

type KnownCaller = Received & Pick<Authenticated, 'identity'>

/** Tells whether a request still has to be counted; only what a known caller asks for is. */
export function isDeferred<Context extends Pick<RequestContext, 'entry' | 'admission'>>(
  request: Context,
): request is Context & Deferred {
  return request.entry !== undefined && request.admission === undefined
}

/** Makes the step that counts requests. @param onOpened told of a breaker that was opened by this caller */
export function createAdmit(store: Store, onOpened: (request: KnownCaller) => void): Admit {
  const note = <Request extends KnownCaller>(
    request: Request,
    entry: AdmissionRequest,
    admission: Admission,
  ) => {
    if (admission.opened) onOpened(request)
    const admitted = extend(request, { entry, admission })
    requireAdmitted(admission)
    return admitted
  }
  const ask = async <Request extends KnownCaller>(request: Request, entry: AdmissionRequest) =>
    note(request, entry, await store.admit(entry, request.storeBudget))
  /** Where the role's own limits would refuse, only those that it shares with others are asked once more. */
  const observe = async (request: Authenticated, entry: AdmissionRequest): Promise<Admitted> => {
    const admission = await store.admit(entry, request.storeBudget)
    if (admission.outcome === 'admitted') return note(request, entry, admission)
    if (admission.opened) onOpened(request)
    request.would.add(codeOf(admission))
    const limits = entry.limits.filter(({ account }) => isEnforced(account))
    if (limits.length === 0) return extend(request, uncounted)
    return ask(request, { ...entry, limits, breaker: undefined })
  }
  return {
    async now(request, to) {
      const entry = entryOf(request, to)
      if (!entry) return extend(request, uncounted)
      return request.role.observesLimits ? observe(request, entry) : ask(request, entry)
    },
    async nowOrLater(request, to, writer) {
      const entry = entryOf(request, to)
      if (!entry) return extend(request, uncounted)
      if (request.role.observesLimits) return observe(request, entry)
      if (isSmall(to.endpoint, writer) && store.defer(entry))
        return extend(request, { entry, admission: undefined })
      return ask(request, entry)
    },
    async andReserve(request, claim) {
      const entry = take(request)
      const { admission, reservation } = await store.admitAndReserve(entry, claim, request.storeBudget)
      note(request, entry, admission)
      if (reservation && !(reservation instanceof Refusal)) return reservation
      throw reservation ?? new Refusal('store_unavailable', { retryAfterSeconds: 1 })
    },
    async deferred(request) {
      await ask(request, take(request))
    },
  }
}

const uncounted = { entry: undefined, admission: undefined }

/** Lists what is counted; undefined where nothing limits. */
function entryOf(
  { lease, policy, identity, role }: Authenticated,
  { endpoint, perMinute }: Metered,
): AdmissionRequest | undefined {
  const kind = endpoint.cost === 'request' ? 'requests' : 'probes'
  const account = keyAccount(holderOf(identity))
  const limits = entryLimits(account, kind, role, policy, perMinute)
  const { actionsPerMinute } = role.limits
  const breaker =
    kind === 'requests' && actionsPerMinute !== undefined ? { account, actionsPerMinute } : undefined
  return limits.length === 0 && !breaker ? undefined : { lease, kind, limits, breaker }
}

/** Only a request that makes a model work has a reservation. */
function isSmall(
  { cost, form, upload }: Exchange,
  { announcedBytes }: Pick<ResponseWriter, 'announcedBytes'>,
): boolean {
  if (cost !== 'request' || form || upload) return false
  return announcedBytes !== undefined && announcedBytes <= maxDeferredBytes
}

/** Takes the entry out of the context: a deferred request is counted once, whatever the answer. */
function take(request: Deferred): AdmissionRequest {
  const { entry } = request
  extend(request, { entry: undefined })
  return entry
}

/** @throws Refusal `rate_limited` or `breaker_open` */
function requireAdmitted(admission: Admission): void {
  if (admission.outcome === 'admitted') return
  const code = codeOf(admission)
  const shared = saySharedBy(admission.standing?.scope, 'Too many requests')
  throw new Refusal(code, {
    retryAfterSeconds: wholeSeconds(admission.retryMs),
    ...(code === 'rate_limited' ? shared : {}),
  })
}

function codeOf({ outcome }: Admission): 'breaker_open' | 'rate_limited' {
  return outcome === 'breaker' ? 'breaker_open' : 'rate_limited'
}

const together: Readonly<Record<Scope, string | undefined>> = {
  key: undefined,
  role: 'for all keys of this role together',
  model: 'for all callers of this model together',
  all: 'for all callers together',
  token: 'for this token, whose budget is used up',
  person: 'for this person',
  group: 'for all keys of this group together',
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
