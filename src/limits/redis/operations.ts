/** What is asked of the store as operations of `lua/`: the keys and words of each, as the head of its file lists them. */
import { hash } from 'node:crypto'
import { randomHex } from '../../core/random.ts'
import {
  type Account,
  type AdmissionRequest,
  type Claim,
  type CountedLimit,
  leaseMs,
  type Renewal,
  type Repeated,
  type Settlement,
} from '../store.ts'
import { scopeNumber } from './answers.ts'
import type { Operation } from './scripts.ts'

/** Names of windows, as in `lua/account.lua`. */
const windows = { requests: 'r', probes: 'p', requestsPerDay: 'q' } as const

/** Makes the operations of one store. */
export class Operations {
  /**
   * Keys the digests under which repeated things and persons are known, so that nobody who reads them can try what they are of. Shared
   * by all gateways: the first to start makes it.
   */
  secret = randomHex(32)
  readonly #prefix: string

  /** @param prefix what every key in Redis begins with */
  constructor(prefix: string) {
    this.#prefix = prefix
  }

  admit({ lease, kind, limits, breaker }: AdmissionRequest): Operation {
    // The breaker's account comes first, with its limit if it has one.
    const isGuarded = ({ account }: CountedLimit) =>
      account.scope === breaker?.account.scope && account.name === breaker.account.name
    const own: CountedLimit | undefined = breaker && {
      account: breaker.account,
      limit: limits.find(isGuarded)?.limit ?? -1,
    }
    const counted = own ? [own, ...limits.filter((each) => !isGuarded(each))] : limits
    return {
      name: 'admit',
      keys: counted.flatMap(({ account }) => this.#countsOf(account)),
      words: [
        lease,
        leaseMs,
        breaker?.actionsPerMinute ?? -1,
        ...counted.flatMap(({ account, limit, perDay }) => [
          scopeNumber(account.scope),
          limit,
          windows[perDay ? 'requestsPerDay' : kind],
        ]),
      ],
    }
  }

  /** @param atMs when the request was counted, in server time */
  refund({ kind, limits }: Pick<AdmissionRequest, 'kind' | 'limits'>, atMs: number): Operation {
    return {
      name: 'refund',
      keys: limits.flatMap(({ account }) => this.#countsOf(account)),
      words: [atMs, ...limits.map(({ perDay }) => windows[perDay ? 'requestsPerDay' : kind])],
    }
  }

  reserve(claim: Claim): Operation {
    const { lease, tokens, accounts, repetition } = claim
    return {
      name: 'reserve',
      keys: [...this.#keysOf(claim), ...this.#seenKeys(repetition)],
      words: [
        lease,
        tokens,
        leaseMs,
        accounts.length,
        repetition?.limit.same ?? 1,
        repetition?.limit.windowMs ?? 1,
        ...accounts.flatMap(({ account, limits }) => [
          scopeNumber(account.scope),
          limits.requestsPerMinute ?? -1,
          limits.tokensPerMinute ?? -1,
          limits.tokensPerDay ?? -1,
          limits.tokensPerMonth ?? -1,
          limits.concurrent ?? -1,
        ]),
      ],
    }
  }

  renew({ lease, claim, trial }: Renewal): Operation {
    return {
      name: 'renew',
      keys: [...this.#keysOf(claim), ...(trial ? [this.#hashOf(trial)] : [])],
      words: [lease, claim?.tokens ?? 0, leaseMs, claim?.accounts.length ?? 0],
    }
  }

  settle(settlement: Settlement): Operation {
    const { lease, claim, spent, actions, trial, repetition, unsaid } = settlement
    // Nothing else changes it.
    const breaker = actions > 0 || trial ? settlement.breaker : undefined
    const accounts = claim?.accounts ?? []
    const forgotten = unsaid ? this.#seenKeys(claim?.repetition) : []
    const counts = breaker ? this.#countsOf(breaker.account) : []
    return {
      name: 'settle',
      keys: [...this.#keysOf(claim), ...counts, ...forgotten, ...this.#seenKeys(repetition)],
      words: [
        lease,
        claim?.tokens ?? 0,
        spent,
        accounts.length,
        breaker?.actionsPerMinute ?? -1,
        actions,
        trial === undefined ? -1 : trial === 'passed' ? 1 : 0,
        repetition?.limit.same ?? 1,
        repetition?.limit.windowMs ?? 1,
        forgotten.length,
        ...accounts.flatMap(({ limits }) => [
          limits.tokensPerMinute === undefined ? 0 : 1,
          limits.tokensPerDay === undefined ? 0 : 1,
          limits.tokensPerMonth === undefined ? 0 : 1,
        ]),
      ],
    }
  }

  use(account: Account): Operation {
    return { name: 'use', keys: [...this.#countsOf(account), this.#leasesOf(account)], words: [] }
  }

  closeBreaker(account: Account): Operation {
    return { name: 'close-breaker', keys: this.#countsOf(account), words: [] }
  }

  #hashOf(account: Account): string {
    return `${this.#prefix}use:${account.scope}:${this.#nameOf(account)}`
  }

  /** Persons are not named in Redis. */
  #nameOf({ scope, name }: Account): string {
    return scope === 'person' ? this.#digest(name) : name
  }

  #digest(text: string): string {
    // A key in front of what has one form is as good as an HMAC (RFC 2104), and cheaper.
    return hash('sha256', this.secret + text, 'base64url').slice(0, 22)
  }

  #leasesOf(account: Account): string {
    return `${this.#prefix}held:${account.scope}:${this.#nameOf(account)}`
  }

  #countsOf(account: Account): string[] {
    const counts = this.#hashOf(account)
    return [counts, `${counts}:steps`]
  }

  #keysOf(claim: Claim | undefined): string[] {
    const keys: string[] = []
    for (const { account } of claim?.accounts ?? [])
      keys.push(...this.#countsOf(account), this.#leasesOf(account))
    return keys
  }

  #seenKeys(repeated: Repeated | undefined): string[] {
    if (!repeated) return []
    const { scope, name } = repeated.account
    return repeated.things.map((thing) => `${this.#prefix}seen:${scope}:${name}:${this.#digest(thing)}`)
  }
}
