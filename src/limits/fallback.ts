/**
 * `store.onFailure: local`: while Redis is away, each gateway counts for itself, and says so. What was reserved or
 * tried in one store is renewed and settled in the same one.
 */
import { Refusal } from '../core/refusal.ts'
import type {
  Account,
  AccountUse,
  Admission,
  AdmissionRequest,
  Budget,
  Claim,
  Entrance,
  Renewal,
  Reservation,
  Settled,
  Settlement,
  Store,
} from './store.ts'

/**
 * Makes a store that asks `shared`, and `local` while that is not available.
 * @param onFallback told of every question that `local` answered instead
 */
export function createFallbackStore(shared: Store, local: Store, onFallback: () => void): Store {
  return new FallbackStore(shared, local, onFallback)
}

class FallbackStore implements Store {
  readonly #shared: Store
  readonly #local: Store
  readonly #onFallback: () => void
  /** Leases of what `local` holds. */
  readonly #claims = new Set<string>()
  readonly #trials = new Set<string>()
  #mode: Store['mode'] = 'shared'

  constructor(shared: Store, local: Store, onFallback: () => void) {
    this.#shared = shared
    this.#local = local
    this.#onFallback = onFallback
  }

  get mode(): Store['mode'] {
    return this.#mode
  }

  async check(): Promise<boolean> {
    const up = await this.#shared.check()
    this.#mode = up ? 'shared' : 'local'
    return up
  }

  admit(request: AdmissionRequest, budget: Budget): Promise<Admission> {
    return this.#either(
      () => this.#shared.admit(request, budget),
      () => this.#admitHere(request, budget),
    )
  }

  reserve(claim: Claim, budget: Budget): Promise<Reservation> {
    return this.#either(
      () => this.#shared.reserve(claim, budget),
      () => this.#reserveHere(claim, budget),
    )
  }

  admitAndReserve(request: AdmissionRequest, claim: Claim, budget: Budget): Promise<Entrance> {
    return this.#either(
      async () => {
        const entrance = await this.#shared.admitAndReserve(request, claim, budget)
        const { admission, reservation } = entrance
        if (!(reservation instanceof Refusal)) return entrance
        const answer = async () => {
          throw reservation
        }
        return { admission, reservation: await this.#either(answer, () => this.#reserveHere(claim, budget)) }
      },
      async () => {
        const admission = await this.#admitHere(request, budget)
        const isAdmitted = admission.outcome === 'admitted'
        return { admission, reservation: isAdmitted ? await this.#reserveHere(claim, budget) : undefined }
      },
    )
  }

  defer(request: AdmissionRequest): boolean {
    return this.#shared.defer(request)
  }

  refund(
    request: Pick<AdmissionRequest, 'kind' | 'limits'>,
    admission: Admission,
    budget: Budget,
  ): Promise<void> {
    // Where it was counted.
    return (admission.local ? this.#local : this.#shared).refund(request, admission, budget)
  }

  async renew(renewals: readonly Renewal[]): Promise<void> {
    await this.#local.renew(renewals.map((each) => this.#part(each, true)).filter(holds))
    await this.#shared.renew(renewals.map((each) => this.#part(each, false)).filter(holds))
  }

  async settle(settlement: Settlement, budget: Budget): Promise<Settled> {
    const here = this.#part(settlement, true)
    const there = this.#part(settlement, false)
    this.#claims.delete(settlement.lease)
    this.#trials.delete(settlement.lease)
    if (holds(here) && !holds(there)) return this.#local.settle(settlement, budget)
    if (holds(here)) await this.#local.settle({ ...here, actions: 0, repetition: undefined }, budget)
    return this.#either(
      () => this.#shared.settle(there, budget),
      // Redis is told later what it holds; what must be judged now is judged here.
      () => this.#local.settle({ ...there, claim: undefined, trial: undefined }, budget),
    )
  }

  use(account: Account, budget: Budget): Promise<AccountUse> {
    return this.#either(
      () => this.#shared.use(account, budget),
      () => this.#local.use(account, budget),
    )
  }

  async closeBreaker(account: Account, budget: Budget): Promise<boolean> {
    const here = await this.#local.closeBreaker(account, budget)
    return this.#either(
      async () => (await this.#shared.closeBreaker(account, budget)) || here,
      async () => here,
    )
  }

  async close(): Promise<void> {
    await Promise.all([this.#shared.close(), this.#local.close()])
  }

  async #admitHere(request: AdmissionRequest, budget: Budget): Promise<Admission> {
    const admission = await this.#local.admit(request, budget)
    if (admission.trial) this.#trials.add(request.lease)
    return { ...admission, local: true }
  }

  async #reserveHere(claim: Claim, budget: Budget): Promise<Reservation> {
    const reservation = await this.#local.reserve(claim, budget)
    if (reservation.outcome === 'granted') this.#claims.add(claim.lease)
    return { ...reservation, local: true }
  }

  async #either<T>(remote: () => Promise<T>, fallback: () => Promise<T>): Promise<T> {
    try {
      const answer = await remote()
      this.#mode = 'shared'
      return answer
    } catch (error) {
      if (!(error instanceof Refusal && error.code === 'store_unavailable')) throw error
      this.#mode = 'local'
      this.#onFallback()
      return fallback()
    }
  }

  /** What `local` holds of it (`here`), or what `shared` does. */
  #part<T extends Renewal | Settlement>(of: T, here: boolean): T {
    return {
      ...of,
      claim: this.#claims.has(of.lease) === here ? of.claim : undefined,
      trial: this.#trials.has(of.lease) === here ? of.trial : undefined,
    }
  }
}

function holds({ claim, trial }: Renewal | Settlement): boolean {
  return claim !== undefined || trial !== undefined
}
