/**
 * The in-process store: exact for one gateway, forgotten at restart, but for budgets of a month. What it holds is bounded: accounts are those of
 * the policy and of its callers, of which idle ones are dropped when there are many, and those of tokens.
 */
import { LRUCache } from 'lru-cache'
import type { Clock } from '../../core/clock.ts'
import {
  type Account,
  type AccountUse,
  type Admission,
  type AdmissionRequest,
  type Claim,
  type ClaimedLimits,
  type Entrance,
  leaseMs,
  type Renewal,
  type Repeated,
  type Reservation,
  type Settled,
  type Settlement,
  type Store,
  soonMs,
} from '../store.ts'
import { type LimitUse, statusOf, useOf, waitFor } from './limit-use.ts'
import { MemoryAccount, type SavedAccount } from './memory-account.ts'
import { createTokenAccounts, type TokenAccounts } from './memory-tokens.ts'
import { MonthCounts, type SavedMonths } from './month-counts.ts'
import { Repetitions, type SavedRepetitions } from './repetition.ts'
import type { CountWindow } from './window.ts'

const maxAccounts = 10_000
/** As many as two workers may name (`limits/persons.ts`); beyond, whoever asked least lately is forgotten. */
const maxPersons = 40_000

/** All that a store has counted, without a clock: another process counts on by its own. JSON. */
export interface SavedLimits {
  readonly accounts: readonly (readonly [name: string, saved: SavedAccount])[]
  readonly tokens: readonly (readonly [name: string, saved: SavedAccount])[]
  readonly persons: readonly (readonly [name: string, saved: SavedAccount])[]
  readonly months: SavedMonths
  readonly repetitions: SavedRepetitions
}

/** A store that another process can go on with. */
export interface SavableStore extends Store {
  save(): SavedLimits
  /** Counts what was saved. For a store that has counted nothing yet. */
  restore(saved: SavedLimits): void
  /** Leaves the file of budgets to another process. Resolves when nothing is written any more. */
  leaveFile(): Promise<void>
  takeFileBack(): void
}

/**
 * Makes an empty store.
 * @param clock whose monotonic time windows and leases go by
 * @param months what was used this month; closed with the store
 */
export function createMemoryStore(clock: Clock, months: MonthCounts = new MonthCounts(clock)): SavableStore {
  return new MemoryStore(clock, months)
}

function saved(
  accounts: Iterable<readonly [name: string, account: MemoryAccount]>,
  nowMs: number,
): (readonly [name: string, saved: SavedAccount])[] {
  return [...accounts].flatMap(([name, account]) => {
    const each = account.save(nowMs)
    return each ? [[name, each] as const] : []
  })
}

class MemoryStore implements SavableStore {
  readonly mode = 'shared'
  readonly #clock: Clock
  readonly #accounts = new Map<string, MemoryAccount>()
  readonly #ofTokens: TokenAccounts
  /** Kept apart, so that a caller who invents persons displaces no account of a key. */
  readonly #ofPersons = new LRUCache<string, MemoryAccount>({ max: maxPersons })
  readonly #months: MonthCounts
  readonly #repetitions = new Repetitions()

  constructor(clock: Clock, months: MonthCounts) {
    this.#clock = clock
    this.#months = months
    this.#ofTokens = createTokenAccounts(() => clock.monotonicMs())
  }

  async check(): Promise<boolean> {
    return true
  }

  async admit({ lease, kind, limits, breaker }: AdmissionRequest): Promise<Admission> {
    const now = this.#clock.monotonicMs()
    const uses = limits.map(({ account, limit, perDay }): LimitUse => {
      const window = this.#of(account)[perDay ? 'requestsPerDay' : kind]
      return { scope: account.scope, limit, window, used: window.total(now) }
    })
    const guarded = breaker && this.#of(breaker.account)
    const openMs = guarded?.breaker.waitMs(now) ?? 0
    const fullMs = waitFor(uses, 1, now)
    const refusal = { standing: statusOf(uses, now, 0), trial: false, opened: false, atMs: now, local: false }
    if (openMs > 0) {
      const retryMs = Math.max(openMs, fullMs)
      return { ...refusal, outcome: 'breaker', retryMs, nextMs: retryMs }
    }
    if (fullMs > 0) return { ...refusal, outcome: 'requests', retryMs: fullMs, nextMs: fullMs }
    const trial = guarded?.breaker.isOpen ?? false
    if (breaker && guarded) {
      if (!trial && guarded.actions.total(now) >= breaker.actionsPerMinute) {
        const retryMs = guarded.openBreaker(now)
        return { ...refusal, outcome: 'breaker', retryMs, nextMs: retryMs, opened: true }
      }
      if (trial) guarded.breaker.try(lease, now + leaseMs)
      guarded.actions.add(now, 1)
    }
    for (const { window } of uses) window.add(now, 1)
    return {
      outcome: 'admitted',
      standing: statusOf(uses, now, 1),
      retryMs: 0,
      nextMs: waitFor(uses, 2, now),
      trial,
      opened: false,
      atMs: now,
      local: false,
    }
  }

  async refund(
    { kind, limits }: Pick<AdmissionRequest, 'kind' | 'limits'>,
    { atMs }: Pick<Admission, 'atMs'>,
  ): Promise<void> {
    const now = this.#clock.monotonicMs()
    for (const { account, perDay } of limits)
      this.#of(account)[perDay ? 'requestsPerDay' : kind].takeBack(now, atMs)
  }

  async reserve(claim: Claim): Promise<Reservation> {
    const { lease, tokens, repetition } = claim
    const now = this.#clock.monotonicMs()
    const { requestUses, tokenUses, waits } = this.#usesOf(claim, now)
    if (repetition) waits.repetition = this.#repeatedMs(repetition, now)
    const outcome = firstRefusal(waits)
    if (outcome !== 'granted')
      return {
        outcome,
        tokens: statusOf(tokenUses, now, 0),
        requests: statusOf(requestUses, now, 0),
        retryMs: Math.max(...Object.values(waits)),
        local: false,
      }
    for (const { account, limits } of claim.accounts) {
      const state = this.#of(account)
      if (limits.requestsPerMinute !== undefined) state.requests.add(now, 1)
      state.hold(lease, tokens, now + leaseMs)
    }
    for (const thing of repetition?.things ?? [])
      if (repetition) this.#repetitions.note(nameOf(repetition, thing), repetition.limit, now)
    return {
      outcome,
      tokens: statusOf(tokenUses, now, tokens),
      requests: statusOf(requestUses, now, 1),
      retryMs: 0,
      local: false,
    }
  }

  async admitAndReserve(entry: AdmissionRequest, claim: Claim): Promise<Entrance> {
    const admission = await this.admit(entry)
    return {
      admission,
      reservation: admission.outcome === 'admitted' ? await this.reserve(claim) : undefined,
    }
  }

  /** There is no round trip to save. */
  defer(): boolean {
    return false
  }

  async renew(renewals: readonly Renewal[]): Promise<void> {
    const untilMs = this.#clock.monotonicMs() + leaseMs
    for (const { lease, claim, trial } of renewals) {
      for (const { account } of claim?.accounts ?? [])
        this.#of(account).hold(lease, claim?.tokens ?? 0, untilMs)
      if (trial) this.#of(trial).breaker.renewTrial(lease, untilMs)
    }
  }

  async settle(settlement: Settlement): Promise<Settled> {
    const { lease, claim, spent, repetition, unsaid } = settlement
    const now = this.#clock.monotonicMs()
    // What limits nothing but repetition holds nothing.
    let wasHeld = claim?.accounts.length === 0
    for (const { account, limits } of claim?.accounts ?? []) {
      const state = this.#of(account)
      if (!state.release(lease)) continue
      wasHeld = true
      for (const [, window] of this.#tokenWindows(account, limits, state)) window.add(now, spent)
    }
    if (unsaid && wasHeld && claim?.repetition)
      for (const thing of claim.repetition.things) this.#repetitions.unnote(nameOf(claim.repetition, thing))
    const opened = this.#settleBreaker(settlement, now)
    return { opened, repeatedMs: repetition ? this.#noteRepeated(repetition, now) : 0 }
  }

  async use({ scope, name }: Account): Promise<AccountUse> {
    // Asking makes no account: whoever asks for many must not push others out.
    const known = scope === 'person' ? this.#ofPersons.peek(name) : this.#accounts.get(`${scope}:${name}`)
    const account = known ?? new MemoryAccount()
    const now = this.#clock.monotonicMs()
    const held = account.held(now)
    const of = (window: CountWindow) => ({ used: window.total(now), resetMs: window.untilEmpty(now) })
    return {
      requests: of(account.requests),
      probes: of(account.probes),
      actions: of(account.actions),
      tokensPerMinute: of(account.tokensPerMinute),
      tokensPerDay: of(account.tokensPerDay),
      pendingTokens: held.tokens,
      leases: held.leases,
      breakerMs: account.breaker.isOpen ? account.breaker.openMs(now) : undefined,
    }
  }

  async closeBreaker(account: Account): Promise<boolean> {
    const { breaker, actions } = this.#of(account)
    const wasOpen = breaker.isOpen
    breaker.reset()
    actions.clear()
    return wasOpen
  }

  save(): SavedLimits {
    const now = this.#clock.monotonicMs()
    return {
      accounts: saved(this.#accounts, now),
      tokens: saved(this.#ofTokens.all(), now),
      // The entries of a cache begin with what was used last.
      persons: saved([...this.#ofPersons.entries()].reverse(), now),
      months: this.#months.save(),
      repetitions: this.#repetitions.save(now),
    }
  }

  restore({ accounts, tokens, persons, months, repetitions }: SavedLimits): void {
    const now = this.#clock.monotonicMs()
    for (const [key, each] of accounts) {
      const account = new MemoryAccount()
      account.restore(now, each)
      this.#accounts.set(key, account)
    }
    for (const [name, each] of tokens) this.#ofTokens.of(name).restore(now, each)
    for (const [name, each] of persons) this.#ofPerson(name).restore(now, each)
    this.#months.restore(months)
    this.#repetitions.restore(now, repetitions)
  }

  leaveFile(): Promise<void> {
    return this.#months.leaveFile()
  }

  takeFileBack(): void {
    this.#months.takeFileBack()
  }

  async close(): Promise<void> {
    this.#accounts.clear()
    this.#ofPersons.clear()
    await this.#months.close()
  }

  #of({ scope, name }: Account): MemoryAccount {
    if (scope === 'token') return this.#ofTokens.of(name)
    if (scope === 'person') return this.#ofPerson(name)
    const key = `${scope}:${name}`
    const known = this.#accounts.get(key)
    if (known) return known
    if (this.#accounts.size >= maxAccounts) dropIdle(this.#accounts, this.#clock.monotonicMs())
    const fresh = new MemoryAccount()
    this.#accounts.set(key, fresh)
    return fresh
  }

  #ofPerson(name: string): MemoryAccount {
    const account = this.#ofPersons.get(name) ?? new MemoryAccount()
    this.#ofPersons.set(name, account)
    return account
  }

  #tokenWindows(
    { name }: Account,
    { tokensPerMinute, tokensPerDay, tokensPerMonth }: ClaimedLimits,
    state: MemoryAccount,
  ): [limit: number, window: CountWindow][] {
    const windows: [number, CountWindow][] = []
    if (tokensPerMinute !== undefined) windows.push([tokensPerMinute, state.tokensPerMinute])
    if (tokensPerDay !== undefined) windows.push([tokensPerDay, state.tokensPerDay])
    if (tokensPerMonth !== undefined) windows.push([tokensPerMonth, this.#months.of(name)])
    return windows
  }

  /** What a claim's limits are at, and how long it would have to wait for each kind of them. */
  #usesOf({ tokens, accounts }: Claim, now: number) {
    const requestUses: LimitUse[] = []
    const tokenUses: LimitUse[] = []
    const waits = { requests: 0, tokens: 0, concurrent: 0, repetition: 0 }
    for (const { limits, account } of accounts) {
      const { requestsPerMinute, concurrent } = limits
      const { scope } = account
      const state = this.#of(account)
      if (requestsPerMinute !== undefined)
        requestUses.push(useOf(scope, requestsPerMinute, state.requests, now, 0))
      const pending = state.pending(now)
      for (const [limit, window] of this.#tokenWindows(account, limits, state)) {
        const use = useOf(scope, limit, window, now, pending)
        tokenUses.push(use)
        const over = use.used + tokens - limit
        // What is merely reserved may come back at any moment.
        const spent = use.used - pending
        if (over > 0)
          waits.tokens = Math.max(waits.tokens, over > spent ? soonMs : window.untilFreed(now, over))
      }
      if (concurrent !== undefined && state.leases(now) >= concurrent) waits.concurrent = soonMs
    }
    waits.requests = waitFor(requestUses, 1, now)
    return { requestUses, tokenUses, waits }
  }

  /** @returns whether the breaker was opened by it */
  #settleBreaker({ lease, breaker, actions, trial }: Settlement, now: number): boolean {
    if (!breaker) return false
    const state = this.#of(breaker.account)
    state.actions.add(now, actions)
    const tooMany = state.actions.total(now) > breaker.actionsPerMinute
    if (trial) state.breaker.endTrial(lease, trial === 'passed' && !tooMany, now)
    const opened = tooMany && actions > 0 && state.breaker.waitMs(now) === 0
    if (opened) state.openBreaker(now)
    return opened
  }

  #repeatedMs(repeated: Repeated, now: number): number {
    const waits = repeated.things.map((thing) =>
      this.#repetitions.waitMs(nameOf(repeated, thing), repeated.limit, now),
    )
    return Math.max(0, ...waits)
  }

  /** Counts what may come. @returns how long the others would have to wait, in milliseconds */
  #noteRepeated(repeated: Repeated, now: number): number {
    let longest = 0
    for (const thing of repeated.things) {
      const name = nameOf(repeated, thing)
      const waitMs = this.#repetitions.waitMs(name, repeated.limit, now)
      if (waitMs === 0) this.#repetitions.note(name, repeated.limit, now)
      longest = Math.max(longest, waitMs)
    }
    return longest
  }
}

function nameOf({ account }: Repeated, thing: string): string {
  return `${account.scope}:${account.name} ${thing}`
}

const inOrder = ['requests', 'tokens', 'concurrent', 'repetition'] as const

function firstRefusal(waits: Readonly<Record<(typeof inOrder)[number], number>>): Reservation['outcome'] {
  return inOrder.find((kind) => waits[kind] > 0) ?? 'granted'
}

/** Idle ones; if there are none, those that were made first. */
function dropIdle(accounts: Map<string, MemoryAccount>, now: number): void {
  for (const [key, account] of accounts) if (account.isIdle(now)) accounts.delete(key)
  for (const key of accounts.keys()) {
    if (accounts.size < maxAccounts) return
    accounts.delete(key)
  }
}
