/**
 * The store for many gateways: each operation is one Lua script (`lua/`), one round trip, atomic, in server time.
 *
 * No call outlives the request's budget: a Redis that is away, slow or hung is a refusal, never a wait. What was
 * to be settled meanwhile is kept and told when it is back, so that no slot stays taken.
 */
import { Refusal } from '../../core/refusal.ts'
import type { RedisClient } from '../../redis/client.ts'
import type { Connection } from '../../redis/connection.ts'
import { RedisUnavailable } from '../../redis/faults.ts'
import { AdmissionForecast } from '../admission-forecast.ts'
import { ServerClock } from '../server-clock.ts'
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
} from '../store.ts'
import { admissionOf, entranceOf, reservationOf, settledOf, useOf, whole } from './answers.ts'
import { type Batch, createBatch } from './batch.ts'
import { Operations } from './operations.ts'
import { isLate, type Operation, operationsOn, type RunOperations } from './scripts.ts'
import { createSettlementRetryQueue, type SettlementRetryQueue } from './settlement-retry-queue.ts'

/** What a store in Redis is made from. */
export interface RedisStoreOptions {
  readonly redis: RedisClient
  /** Told how many settlements were dropped because there were too many. */
  onDropped(count: number): void
  /** See `operationsOn`. */
  readonly serverTime?: string
}

const renewalsAtOnce = 64

/** Makes the store on a client that others share, which it does not close. */
export function createRedisStore(options: RedisStoreOptions): Store {
  return new RedisStore(options)
}

class RedisStore implements Store {
  readonly mode = 'shared'
  readonly #redis: RedisClient
  readonly #operations: Operations
  readonly #clock = new ServerClock()
  readonly #run: RunOperations
  readonly #batch: Batch
  readonly #unsettled: SettlementRetryQueue
  readonly #forecast = new AdmissionForecast()

  constructor({ redis, onDropped, serverTime }: RedisStoreOptions) {
    this.#redis = redis
    this.#operations = new Operations(redis.prefix)
    this.#run = operationsOn(redis, (serverMs) => this.#clock.note(serverMs), serverTime)
    this.#batch = createBatch(this.#run)
    this.#unsettled = createSettlementRetryQueue(
      (settlement) => this.#call(() => this.#batch.ask(this.#operations.settle(settlement))),
      onDropped,
    )
    redis.prepare((connection) => this.#probe(connection))
    redis.observe({ onBack: () => this.#unsettled.flush() })
  }

  check(): Promise<boolean> {
    return this.#redis.check()
  }

  admit(entry: AdmissionRequest, budget: Budget): Promise<Admission> {
    const operation = this.#operations.admit(entry)
    const answer = this.#askInTime(operation, budget).then(admissionOf)
    return this.#forecast.follow(entry, answer, (admission) => admission)
  }

  async refund(
    entry: Pick<AdmissionRequest, 'kind' | 'limits'>,
    { atMs }: Pick<Admission, 'atMs'>,
  ): Promise<void> {
    const operation = this.#operations.refund(entry, atMs)
    // Told once: whether what was not answered was carried out is not known, and twice would be one too many.
    whole(await this.#call(() => this.#batch.ride(operation)), 1)
  }

  async reserve(claim: Claim, budget: Budget): Promise<Reservation> {
    const operation = this.#operations.reserve(claim)
    return reservationOf(await this.#askInTime(operation, budget, this.#undoing(claim)))
  }

  admitAndReserve(entry: AdmissionRequest, claim: Claim, budget: Budget): Promise<Entrance> {
    const admit = this.#operations.admit(entry)
    const reserve = this.#operations.reserve(claim)
    const answers = this.#inTime(
      (deadlineMs) => this.#batch.askBoth({ ...admit, deadlineMs }, { ...reserve, deadlineMs }),
      ([first]) => isLate(first),
      budget,
      this.#undoing(claim),
    )
    return this.#forecast.follow(entry, answers.then(entranceOf), ({ admission }) => admission)
  }

  defer(entry: AdmissionRequest): boolean {
    return this.#redis.up && this.#forecast.defer(entry)
  }

  async renew(renewals: readonly Renewal[]): Promise<void> {
    // Not all at once: requests must come through in between.
    for (let at = 0; at < renewals.length; at += renewalsAtOnce) {
      const some = renewals.slice(at, at + renewalsAtOnce).map((each) => this.#operations.renew(each))
      await this.#call(() => Promise.all(some.map((operation) => this.#batch.ask(operation))))
    }
  }

  async settle(settlement: Settlement, budget: Budget): Promise<Settled> {
    // This gateway's next request finds the slot free all the same: it is sent behind it.
    const waits = settlement.repetition !== undefined || settlement.actions > 0
    const operation = this.#operations.settle(settlement)
    const tell = () => (waits ? this.#batch.ask(operation) : this.#batch.ride(operation))
    const answer = await this.#call(tell, waits ? budget : undefined).catch((error: unknown) => {
      // What was done counts now or never: told all at once when Redis is back, it would open a breaker for nothing.
      if (settlement.claim || settlement.trial)
        this.#unsettled.keep({ ...settlement, actions: 0, repetition: undefined })
      throw error
    })
    return settledOf(answer)
  }

  async use(account: Account, budget: Budget): Promise<AccountUse> {
    return useOf(await this.#askInTime(this.#operations.use(account), budget))
  }

  async closeBreaker(account: Account, budget: Budget): Promise<boolean> {
    const [wasOpen] = whole(await this.#askInTime(this.#operations.closeBreaker(account), budget), 1)
    return wasOpen === 1
  }

  async close(): Promise<void> {
    this.#unsettled.close()
    this.#batch.flush()
  }

  /** What must be known and has to work before anything is counted. */
  async #probe(connection: Connection): Promise<void> {
    const key = `${this.#redis.prefix}secret`
    const { secret } = this.#operations
    const [, kept] = await Promise.all([
      connection.set(key, secret, 'NX'),
      connection.get(key),
      // Nothing to do, in the way of everything there is to do.
      this.#run([]),
    ])
    this.#operations.secret = kept ?? secret
  }

  /** @returns what undoes a reservation that may have been made although its answer came too late */
  #undoing(claim: Claim): () => void {
    return () => this.#unsettled.keep(nothingSpent(claim))
  }

  #askInTime(operation: Operation, budget: Budget, undo?: () => void): Promise<readonly number[]> {
    return this.#inTime((deadlineMs) => this.#batch.ask({ ...operation, deadlineMs }), isLate, budget, undo)
  }

  /** Counts, if it comes to the server before the request gives up; if not, nothing was counted. */
  #inTime<T>(
    ask: (deadlineMs: number) => Promise<T>,
    isLate: (answer: T) => boolean,
    budget: Budget,
    undo?: () => void,
  ): Promise<T> {
    const untilMs = performance.now() + budget.leftMs
    return this.#call(
      async () => {
        const answer = await ask(this.#clock.at(untilMs))
        // In time by our clock: the server's has jumped, and its answer has told us where to.
        return isLate(answer) && performance.now() < untilMs ? ask(this.#clock.at(untilMs)) : answer
      },
      budget,
      undo,
    )
  }

  /** @throws Refusal `store_unavailable` */
  async #call<T>(
    run: () => Promise<T>,
    budget: Budget = { leftMs: this.#redis.timeoutMs },
    undo?: () => void,
  ): Promise<T> {
    try {
      return await this.#redis.call(run, budget, undo)
    } catch (error) {
      if (!(error instanceof RedisUnavailable)) throw error
      const { message: detail, cause } = error
      throw new Refusal('store_unavailable', { detail, cause, retryAfterSeconds: 1 })
    }
  }
}

function nothingSpent(claim: Claim): Settlement {
  return {
    lease: claim.lease,
    claim,
    spent: 0,
    breaker: undefined,
    actions: 0,
    trial: undefined,
    repetition: undefined,
    unsaid: true,
  }
}
