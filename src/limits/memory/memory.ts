/**
 * The in-process store: exact for one gateway, forgotten at restart. What it holds is bounded: accounts are those of
 * the policy and of its callers, of which idle ones are dropped when there are many, and those of tokens.
 */
import type { Clock } from '../../core/clock.ts'
import type { SharedLimits } from '../../policy/policy.ts'
import {
  type Account,
  type Admission,
  type Claim,
  leaseMs,
  type RateLimitStatus,
  type Repeated,
  type Reservation,
  type Scope,
  type Settled,
  type Store,
  soonMs,
} from '../store.ts'
import { MemoryAccount } from './memory-account.ts'
import { createTokenAccounts } from './memory-tokens.ts'
import { Repetitions } from './repetition.ts'
import type { Window } from './window.ts'

const maxAccounts = 10_000

export function createMemoryStore(clock: Clock): Store {
  const accounts = new Map<string, MemoryAccount>()
  const ofTokens = createTokenAccounts(() => clock.monotonicMs())
  const repetitions = new Repetitions()

  const of = ({ scope, name }: Account): MemoryAccount => {
    if (scope === 'token') return ofTokens.of(name)
    const key = `${scope}:${name}`
    const known = accounts.get(key)
    if (known) return known
    if (accounts.size >= maxAccounts) dropIdle(accounts, clock.monotonicMs())
    const fresh = new MemoryAccount()
    accounts.set(key, fresh)
    return fresh
  }
  const nameOf = ({ account }: Repeated, thing: string) => `${account.scope}:${account.name} ${thing}`

  const repeatedMs = (repeated: Repeated, now: number) =>
    Math.max(
      0,
      ...repeated.things.map((thing) => repetitions.waitMs(nameOf(repeated, thing), repeated.limit, now)),
    )

  return {
    mode: 'shared',
    check: async () => true,

    async admit({ lease, kind, limits, breaker }): Promise<Admission> {
      const now = clock.monotonicMs()
      const uses: Use[] = limits.map(({ account, limit, perDay }) => {
        const window = of(account)[perDay ? 'requestsPerDay' : kind]
        return { scope: account.scope, limit, window, used: window.total(now) }
      })
      const guarded = breaker && of(breaker.account)
      const openMs = guarded?.breaker.waitMs(now) ?? 0
      const fullMs = waitFor(uses, 1, now)
      const refusal = {
        standing: standingOf(uses, now, 0),
        trial: false,
        opened: false,
        atMs: now,
        local: false,
      }
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
        standing: standingOf(uses, now, 1),
        retryMs: 0,
        nextMs: waitFor(uses, 2, now),
        trial,
        opened: false,
        atMs: now,
        local: false,
      }
    },

    async refund({ kind, limits }, { atMs }) {
      const now = clock.monotonicMs()
      for (const { account, perDay } of limits)
        of(account)[perDay ? 'requestsPerDay' : kind].takeBack(now, atMs)
    },

    async reserve({ lease, tokens, accounts: claimed, repetition }: Claim): Promise<Reservation> {
      const now = clock.monotonicMs()
      const held = claimed.map(({ account, limits }) => ({
        limits,
        state: of(account),
        scope: account.scope,
      }))
      const requestUses: Use[] = []
      const tokenUses: Use[] = []
      const waits = { requests: 0, tokens: 0, concurrent: 0, repetition: 0 }
      for (const { limits, state, scope } of held) {
        const { requestsPerMinute, concurrent } = limits
        if (requestsPerMinute !== undefined)
          requestUses.push(useOf(scope, requestsPerMinute, state.requests, now, 0))
        const pending = state.pending(now)
        for (const [limit, window] of tokenWindows(limits, state)) {
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
      if (repetition) waits.repetition = repeatedMs(repetition, now)
      const outcome = firstRefusal(waits)
      if (outcome !== 'granted')
        return {
          outcome,
          tokens: standingOf(tokenUses, now, 0),
          requests: standingOf(requestUses, now, 0),
          retryMs: Math.max(...Object.values(waits)),
          local: false,
        }
      for (const { limits, state } of held) {
        if (limits.requestsPerMinute !== undefined) state.requests.add(now, 1)
        state.hold(lease, tokens, now + leaseMs)
      }
      if (repetition)
        for (const thing of repetition.things)
          repetitions.note(nameOf(repetition, thing), repetition.limit, now)
      return {
        outcome,
        tokens: standingOf(tokenUses, now, tokens),
        requests: standingOf(requestUses, now, 1),
        retryMs: 0,
        local: false,
      }
    },

    async renew(renewals) {
      const untilMs = clock.monotonicMs() + leaseMs
      for (const { lease, claim, trial } of renewals) {
        for (const { account } of claim?.accounts ?? []) of(account).hold(lease, claim?.tokens ?? 0, untilMs)
        if (trial) of(trial).breaker.renewTrial(lease, untilMs)
      }
    },

    async settle({ lease, claim, spent, breaker, actions, trial, repetition, unsaid }): Promise<Settled> {
      const now = clock.monotonicMs()
      for (const { account, limits } of claim?.accounts ?? []) {
        const state = of(account)
        if (!state.release(lease)) continue
        for (const [, window] of tokenWindows(limits, state)) window.add(now, spent)
      }
      if (unsaid && claim?.repetition)
        for (const thing of claim.repetition.things) repetitions.unnote(nameOf(claim.repetition, thing))
      let opened = false
      if (breaker) {
        const state = of(breaker.account)
        state.actions.add(now, actions)
        const tooMany = state.actions.total(now) > breaker.actionsPerMinute
        if (trial) state.breaker.endTrial(lease, trial === 'passed' && !tooMany, now)
        opened = tooMany && actions > 0 && state.breaker.waitMs(now) === 0
        if (opened) state.openBreaker(now)
      }
      let repeated = 0
      if (repetition)
        for (const thing of repetition.things) {
          const name = nameOf(repetition, thing)
          const waitMs = repetitions.waitMs(name, repetition.limit, now)
          if (waitMs === 0) repetitions.note(name, repetition.limit, now)
          repeated = Math.max(repeated, waitMs)
        }
      return { opened, repeatedMs: repeated }
    },

    async closeBreaker(account) {
      const { breaker, actions } = of(account)
      const wasOpen = breaker.isOpen
      breaker.reset()
      actions.clear()
      return wasOpen
    },

    async close() {
      accounts.clear()
    },
  }
}

/** How much of a limit is used. */
interface Use {
  readonly scope: Scope
  readonly limit: number
  readonly window: Window
  /** With what is reserved. */
  readonly used: number
}

function useOf(scope: Scope, limit: number, window: Window, now: number, pending: number): Use {
  return { scope, limit, window, used: window.total(now) + pending }
}

/** The limit that leaves least once `more` are taken. */
function standingOf(uses: readonly Use[], now: number, more: number): RateLimitStatus | undefined {
  let found: RateLimitStatus | undefined
  for (const { scope, limit, used, window } of uses) {
    const remaining = Math.max(0, limit - used - more)
    if (!found || remaining < found.remaining)
      found = { scope, limit, remaining, resetMs: window.untilEmpty(now) }
  }
  return found
}

/** Until `more` fit into every one of these windows, in which nothing is merely reserved. */
function waitFor(uses: readonly Use[], more: number, now: number): number {
  let wait = 0
  for (const { limit, used, window } of uses)
    wait = Math.max(wait, window.untilFreed(now, used + more - limit))
  return wait
}

function tokenWindows(limits: SharedLimits, state: MemoryAccount): [limit: number, window: Window][] {
  const windows: [number, Window][] = []
  if (limits.tokensPerMinute !== undefined) windows.push([limits.tokensPerMinute, state.tokensPerMinute])
  if (limits.tokensPerDay !== undefined) windows.push([limits.tokensPerDay, state.tokensPerDay])
  return windows
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
