/**
 * The limit store of several workers without Redis: the primary counts, so that limits are exact for all of them, and a
 * worker asks it. What a worker that died had reserved is given back at once.
 */

import { Refusal } from '../core/refusal.ts'
import { AdmissionForecast } from '../limits/admission-forecast.ts'
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
} from '../limits/store.ts'
import { answerTimeoutMs, type Channel, type Handlers } from './channel.ts'

/**
 * Makes the store of a worker. It ignores the budget that a request has for Redis: a worker ends with
 * its primary, so the store is never away, and a busy machine must not refuse requests.
 */
export function createRemoteStore(channel: Channel): Store {
  return new RemoteStore(channel)
}

class RemoteStore implements Store {
  readonly mode = 'shared'
  readonly #channel: Channel
  readonly #forecast = new AdmissionForecast()

  constructor(channel: Channel) {
    this.#channel = channel
  }

  admit(entry: AdmissionRequest): Promise<Admission> {
    return this.#forecast.follow(entry, this.#ask<Admission>('admit', [entry]), (admission) => admission)
  }

  admitAndReserve(entry: AdmissionRequest, claim: Claim): Promise<Entrance> {
    const answer = this.#ask<Entrance>('admitAndReserve', [entry, claim])
    return this.#forecast.follow(entry, answer, ({ admission }) => admission)
  }

  defer(entry: AdmissionRequest): boolean {
    return this.#forecast.defer(entry)
  }

  reserve(claim: Claim): Promise<Reservation> {
    return this.#ask('reserve', [claim])
  }

  async renew(renewals: readonly Renewal[]): Promise<void> {
    await this.#ask('renew', [renewals])
  }

  /** Waits only for a result that the caller needs. Before the primary refuses, it hears what all workers have settled. */
  settle(settlement: Settlement): Promise<Settled> {
    const { actions, repetition, trial } = settlement
    if (actions > 0 || repetition || trial) return this.#ask('settle', [settlement])
    this.#channel.tell('limits.settle', [settlement])
    return Promise.resolve({ opened: false, repeatedMs: 0 })
  }

  async refund(
    { kind, limits }: Pick<AdmissionRequest, 'kind' | 'limits'>,
    admission: Admission,
  ): Promise<void> {
    await this.#ask('refund', [{ kind, limits }, admission])
  }

  use(account: Account): Promise<AccountUse> {
    return this.#ask('use', [account])
  }

  closeBreaker(account: Account): Promise<boolean> {
    return this.#ask('closeBreaker', [account])
  }

  async check(): Promise<boolean> {
    return true
  }

  async close(): Promise<void> {}

  /** @throws Refusal `store_unavailable` if the primary does not answer */
  async #ask<T>(name: string, values: readonly unknown[]): Promise<T> {
    try {
      return await this.#channel.ask<T>(`limits.${name}`, values, answerTimeoutMs)
    } catch (cause) {
      if (cause instanceof Refusal) throw cause
      throw new Refusal('store_unavailable', { retryAfterSeconds: 1, cause })
    }
  }
}

/** How the reservation of a worker that died is settled: nothing was spent. */
const unpaid = { spent: 0, breaker: undefined, actions: 0, repetition: undefined, unsaid: false } as const

/** Outcomes that depend on what other requests hold, which may have been settled meanwhile. */
const mayBeSettled: ReadonlySet<Reservation['outcome']> = new Set(['concurrent', 'tokens'])

/** What the primary answers one worker about limits. */
export interface LimitService {
  readonly handlers: Handlers
  /** Gives back what the worker still holds: it is gone. */
  release(): void
}

/**
 * Makes the answers to one worker.
 * @param store the primary's, exact for one process
 * @param heardAll resolves when all is heard that workers have told so far: what looks held may be settled
 */
export function serveLimits(store: Store, heardAll: () => Promise<void>): LimitService {
  const held = new Map<string, Claim>()
  // The memory store does not wait.
  const budget: Budget = { leftMs: answerTimeoutMs }
  const exact = async (claim: Claim, found: Entrance['reservation']): Promise<Entrance['reservation']> => {
    let reservation = found
    if (reservation && 'outcome' in reservation && mayBeSettled.has(reservation.outcome)) {
      await heardAll()
      reservation = await store.reserve(claim, budget)
    }
    if (reservation && 'outcome' in reservation && reservation.outcome === 'granted')
      held.set(claim.lease, claim)
    return reservation
  }
  return {
    handlers: {
      'limits.admit': (entry: AdmissionRequest) => store.admit(entry, budget),
      'limits.reserve': async (claim: Claim) => exact(claim, await store.reserve(claim, budget)),
      'limits.admitAndReserve': async (entry: AdmissionRequest, claim: Claim) => {
        const { admission, reservation } = await store.admitAndReserve(entry, claim, budget)
        return { admission, reservation: await exact(claim, reservation) }
      },
      'limits.renew': (renewals: readonly Renewal[]) => store.renew(renewals),
      'limits.settle': (settlement: Settlement) => {
        held.delete(settlement.lease)
        return store.settle(settlement, budget)
      },
      'limits.refund': (entry: Pick<AdmissionRequest, 'kind' | 'limits'>, admission: Admission) =>
        store.refund(entry, admission, budget),
      'limits.use': (account: Account) => store.use(account, budget),
      'limits.closeBreaker': (account: Account) => store.closeBreaker(account, budget),
    },
    release() {
      for (const [lease, claim] of held)
        void store.settle({ lease, claim, trial: undefined, ...unpaid }, budget)
      held.clear()
    },
  }
}
