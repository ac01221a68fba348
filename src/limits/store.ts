/**
 * Where limits are counted: one interface, in memory for one gateway or in Redis for many. Both count in the
 * same way (`window.ts`, `lua/`), so that a policy means the same with either.
 */
import type { Refusal } from '../core/refusal.ts'
import type { Repetition, SharedLimits } from '../policy/policy.ts'
import type { Budget } from '../redis/availability.ts'

export type { Budget }

/** The windows that limits count in, in milliseconds. */
export const minuteMs = 60_000

/** As `minuteMs`. */
export const dayMs = 86_400_000

/** Steps a window is cut into. One more than these is counted, so that no boundary can be cheated. */
export const stepsPerWindow = 60

/**
 * How long a reservation lasts unless it is renewed, which the gateway does for as long as the request runs: what
 * a gateway that died had reserved is free again after this.
 */
export const leaseMs = 60_000

/** How long an open breaker waits: at first, and at most. It doubles from one opening to the next. */
export const coolDownMs = 60_000

/** As `coolDownMs`: the longest. */
export const maxCoolDownMs = 3_600_000
/** Openings are forgotten when the breaker was closed so long, and no shorter than it last was open. */
export const forgetOpeningsMs = 600_000

/** Where a wait depends on when somebody else is done: ask again soon. */
export const soonMs = 1000

/** Whose use is counted. */
export type Scope = 'key' | 'role' | 'model' | 'all' | 'token' | 'person' | 'group'

/** What use is counted for. */
export interface Account {
  readonly scope: Scope
  /** A key's id, a role's name, a pattern of models, nothing, a token's id, a key's person, or a group's name. */
  readonly name: string
}

/** One limit, as it stands. Of several the tightest is told. */
export interface RateLimitStatus {
  readonly scope: Scope
  readonly limit: number
  readonly remaining: number
  /** Until all of it is free again. */
  readonly resetMs: number
}

/** Picks, of two limits of a kind, the one that leaves less. */
export function tightest(
  one: RateLimitStatus | undefined,
  other: RateLimitStatus | undefined,
): RateLimitStatus | undefined {
  if (!one || !other) return one ?? other
  return other.remaining < one.remaining ? other : one
}

/** One request, before anything of it was read. */
export interface AdmissionRequest {
  /** Unique per request. */
  readonly lease: string
  readonly kind: 'requests' | 'probes'
  /** All must have room. */
  readonly limits: readonly CountedLimit[]
  /** Counts this request among the actions of its account. */
  readonly breaker: Breaker | undefined
}

/** A limit on requests, for one account. */
export interface CountedLimit {
  readonly account: Account
  readonly limit: number
  /** Counted by day and not by minute: as long as a token can live, so that these are all it has. */
  readonly perDay?: true
}

/** A circuit breaker: an account that does more than this opens it. */
export interface Breaker {
  readonly account: Account
  readonly actionsPerMinute: number
}

/** Whether a request may come in. */
export interface Admission {
  readonly outcome: 'admitted' | 'requests' | 'breaker'
  readonly standing: RateLimitStatus | undefined
  /** Until it would be admitted, if nobody else comes; 0 when admitted. */
  readonly retryMs: number
  /** Until one more would be admitted after this one. */
  readonly nextMs: number
  /** Through a breaker that is half open: how it ends decides. */
  readonly trial: boolean
  /** The breaker was opened by this request. */
  readonly opened: boolean
  /** When it was counted, by the store's clock. */
  readonly atMs: number
  /** Counted by this gateway alone, because Redis is away. */
  readonly local: boolean
}

/** What one request may cost at most. */
export interface Claim {
  readonly lease: string
  /** Weighted. */
  readonly tokens: number
  readonly accounts: readonly ClaimedAccount[]
  /** How often the same prompt may come. */
  readonly repetition: Repeated | undefined
}

/** An account that a request is reserved for. */
export interface ClaimedAccount {
  readonly account: Account
  /** `requestsPerMinute` only where it was not counted at the entry. */
  readonly limits: ClaimedLimits
}

/** What is claimed of an account. */
export interface ClaimedLimits extends SharedLimits {
  /** Of a calendar month, UTC; absent: no limit. */
  readonly tokensPerMonth?: number | undefined
}

/** Things that may not come too often, for one account. */
export interface Repeated {
  readonly account: Account
  readonly limit: Repetition
  /** What must not come too often: digests, so that none of it is kept. */
  readonly things: readonly string[]
}

/** Whether a request has its tokens and slots. */
export interface Reservation {
  readonly outcome: 'granted' | 'requests' | 'tokens' | 'concurrent' | 'repetition'
  readonly tokens: RateLimitStatus | undefined
  /** Of requests that were counted here and not at the entry. */
  readonly requests: RateLimitStatus | undefined
  readonly retryMs: number
  readonly local: boolean
}

/** The answer to an admission and a reservation that were asked for together. */
export interface Entrance {
  readonly admission: Admission
  /** Undefined where the request was not admitted; a refusal where what it reserves could not be counted. */
  readonly reservation: Reservation | Refusal | undefined
}

/** What became of a request that was let in. */
export interface Settlement {
  readonly lease: string
  /** Undefined: nothing was reserved. */
  readonly claim: Claim | undefined
  /** Tokens, weighted. Counted only while the reservation is held, so that telling it twice does no harm. */
  readonly spent: number
  readonly breaker: Breaker | undefined
  /** Tool calls of the answer. */
  readonly actions: number
  /** Set for a trial: whether it got as far as the model. */
  readonly trial: 'passed' | 'refused' | undefined
  /** Tool calls that must not come too often. */
  readonly repetition: Repeated | undefined
  /** No model has worked on it, so that its prompt may come once more; as `spent`, only while the reservation is held. */
  readonly unsaid: boolean
}

/** What settling a request has shown. */
export interface Settled {
  /** The breaker was opened by what this request did. */
  readonly opened: boolean
  /** Until its tool calls would not be too many; 0 if they are not. */
  readonly repeatedMs: number
}

/** What one request still holds. */
export interface Renewal {
  readonly lease: string
  readonly claim: Claim | undefined
  /** The breaker it is the trial of. */
  readonly trial: Account | undefined
}

/** What a window has counted. */
export interface WindowUse {
  readonly used: number
  /** Until none of it counts any more. */
  readonly resetMs: number
}

/** What an account has used and holds at this moment, whatever its limits are. */
export interface AccountUse {
  readonly requests: WindowUse
  readonly probes: WindowUse
  /** Of the circuit breaker. */
  readonly actions: WindowUse
  readonly tokensPerMinute: WindowUse
  readonly tokensPerDay: WindowUse
  /** Reserved by requests that run. */
  readonly pendingTokens: number
  /** Requests that run. */
  readonly leases: number
  /** Until an open breaker lets a trial through; undefined: it is closed. */
  readonly breakerMs: number | undefined
}

/** Counts requests and tokens, and holds slots. What it cannot count it refuses. */
export interface Store {
  /** Counts one request if there is room for it. @throws Refusal `store_unavailable`, as all of them */
  admit(entry: AdmissionRequest, budget: Budget): Promise<Admission>
  /** Sets tokens and slots aside until `settle`. */
  reserve(claim: Claim, budget: Budget): Promise<Reservation>
  /** Does what `admit` does and, if the request is admitted, what `reserve` does: in one step, in one round trip. */
  admitAndReserve(entry: AdmissionRequest, claim: Claim, budget: Budget): Promise<Entrance>
  /**
   * Agrees to `admitAndReserve` later instead of `admit` now, where that saves a round trip and there was ample room when
   * this caller was counted last. One of the two must follow for every entry that it agrees to.
   */
  defer(entry: AdmissionRequest): boolean
  /** Holds what was reserved for another `leaseMs`; what ran out meanwhile is held again. */
  renew(renewals: readonly Renewal[]): Promise<void>
  /** Gives back what was reserved and counts what was really spent in its place. Once for every request let in. */
  settle(settlement: Settlement, budget: Budget): Promise<Settled>
  /** Takes back what `admit` has counted: the request was not let through to a model. The breaker's count stays. */
  refund(
    entry: Pick<AdmissionRequest, 'kind' | 'limits'>,
    admission: Admission,
    budget: Budget,
  ): Promise<void>
  /** Tells what an account has used, and changes nothing. A token has no account of its own here. */
  use(account: Account, budget: Budget): Promise<AccountUse>
  /** Closes a breaker by hand. @returns whether it was open */
  closeBreaker(account: Account, budget: Budget): Promise<boolean>
  /** Asks whether the counts can be reached right now, within the time one request may spend on them. */
  check(): Promise<boolean>
  /** What counts right now: `local` while Redis is away and each gateway counts for itself. */
  readonly mode: 'shared' | 'local'
  close(): Promise<void>
}
