/**
 * The store for many gateways: each operation is one Lua script (`lua/`), one round trip, atomic, in server time.
 *
 * No call outlives the request's budget: a Redis that is away, slow or hung is a refusal, never a wait. What was
 * to be settled meanwhile is kept and told when it is back, so that no slot stays taken.
 */
import { hash, randomBytes } from 'node:crypto'
import type { RedisServers } from '../../core/redis-servers.ts'
import { Refusal } from '../../core/refusal.ts'
import { createLink } from '../../redis/availability.ts'
import { connectRedis, revive } from '../../redis/connection.ts'
import { ServerClock } from '../server-clock.ts'
import {
  type Account,
  type Admission,
  type Budget,
  type Claim,
  type EntryLimit,
  leaseMs,
  type RateLimitStatus,
  type Renewal,
  type Repeated,
  type Reservation,
  type Scope,
  type Settled,
  type Settlement,
  type Store,
} from '../store.ts'
import { createBatch } from './batch.ts'
import { isLate, limitScripts, type Operation, operationsOn } from './scripts.ts'
import { createUnsettled } from './settlement-retry-queue.ts'

export interface RedisStoreOptions {
  readonly servers: RedisServers
  readonly timeoutMs: number
  /** Every failure, for the log; the errors hold no credential. */
  onAway(error: unknown): void
  /** The first answer after a failure. */
  onBack(): void
  /** Settlements that were dropped because there were too many. */
  onDropped(count: number): void
  /** See `limitScripts`. */
  readonly serverTime?: string
}

export interface RedisStore extends Store {
  /** Resolves when Redis has answered, or after a while. */
  opened(patienceMs: number): Promise<void>
}

const renewalsAtOnce = 64
const scopes: readonly Scope[] = ['key', 'role', 'model', 'all', 'token']
/** Names of windows, as in `lua/account.lua`. */
const windows = { requests: 'r', probes: 'p', requestsPerDay: 'q' } as const

export function createRedisStore(options: RedisStoreOptions): RedisStore {
  const { servers, timeoutMs, onAway, onBack, onDropped, serverTime } = options
  const connection = connectRedis(servers, timeoutMs, limitScripts(serverTime), (error) => {
    if (!link.up) onAway(error)
  })
  const clock = new ServerClock()
  const run = operationsOn(connection, (serverMs) => clock.note(serverMs))
  const batch = createBatch(run)
  /** Counts, if it comes to the server before the request gives up; if not, nothing was counted. */
  const askInTime = (operation: Operation, budget: Budget, undo?: () => void) => {
    const untilMs = performance.now() + budget.leftMs
    const ask = () => batch.ask({ ...operation, deadlineMs: clock.at(untilMs) })
    return link.call(
      async () => {
        const answer = await ask()
        // In time by our clock: the server's has jumped, and its answer has told us where to.
        return isLate(answer) && performance.now() < untilMs ? ask() : answer
      },
      budget,
      undo,
    )
  }
  const prefix = `{${servers.prefix}}:`
  const hashOf = ({ scope, name }: Account) => `${prefix}use:${scope}:${name}`
  const countsOf = (account: Account) => {
    const hash = hashOf(account)
    return [hash, `${hash}:steps`]
  }
  const keysOf = (claim: Claim | undefined) => {
    const keys: string[] = []
    for (const { account } of claim?.accounts ?? [])
      keys.push(...countsOf(account), `${prefix}held:${account.scope}:${account.name}`)
    return keys
  }

  /** Keys the digests under which repeated things are known, so that nobody who reads them can try what they are of. */
  let secret = randomBytes(32).toString('hex')
  const touch = async () => {
    revive(connection)
    const key = `${prefix}secret`
    const [, kept] = await Promise.all([
      connection.set(key, secret, 'NX'),
      connection.get(key),
      // Nothing to do, in the way of everything there is to do.
      run([]),
    ])
    secret = kept ?? secret
  }
  const seenKeys = (repeated: Repeated | undefined) => {
    if (!repeated) return []
    const { scope, name } = repeated.account
    return repeated.things.map((thing) => {
      // Things are digests of one length, so that a key in front is as good as an HMAC (RFC 2104), and cheaper.
      const digest = hash('sha256', secret + thing, 'base64url').slice(0, 22)
      return `${prefix}seen:${scope}:${name}:${digest}`
    })
  }

  const toSettle = (settlement: Settlement): Operation => {
    const { lease, claim, spent, breaker, actions, trial, repetition, unsaid } = settlement
    const accounts = claim?.accounts ?? []
    const forgotten = unsaid ? seenKeys(claim?.repetition) : []
    const counts = breaker ? countsOf(breaker.account) : []
    return {
      name: 'settle',
      keys: [...keysOf(claim), ...counts, ...forgotten, ...seenKeys(repetition)],
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
        ]),
      ],
    }
  }
  const unsettled = createUnsettled(
    (settlement) => link.call(() => batch.ask(toSettle(settlement)), { leftMs: timeoutMs }),
    onDropped,
  )

  const link = createLink({
    timeoutMs,
    touch,
    onAway,
    onBack() {
      onBack()
      unsettled.flush()
    },
  })

  return {
    mode: 'shared',
    opened: link.opened,
    check: link.check,

    async admit({ lease, kind, limits, breaker }, budget): Promise<Admission> {
      // The breaker's account comes first, with its limit if it has one.
      const isGuarded = ({ account }: EntryLimit) =>
        account.scope === breaker?.account.scope && account.name === breaker.account.name
      const own: EntryLimit | undefined = breaker && {
        account: breaker.account,
        limit: limits.find(isGuarded)?.limit ?? -1,
      }
      const counted = own ? [own, ...limits.filter((each) => !isGuarded(each))] : limits
      const operation: Operation = {
        name: 'admit',
        keys: counted.flatMap(({ account }) => countsOf(account)),
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
      const answer = await askInTime(operation, budget)
      const [outcome = 1, retryMs = 0, nextMs = 0, trial = 0, opened = 0, atMs = 0, ...standing] = whole(
        answer,
        10,
      )
      return {
        outcome: (['admitted', 'requests', 'breaker'] as const)[outcome] ?? 'requests',
        standing: standingOf(standing),
        retryMs,
        nextMs,
        trial: trial === 1,
        opened: opened === 1,
        atMs,
        local: false,
      }
    },

    async refund({ kind, limits }, { atMs }) {
      const operation: Operation = {
        name: 'refund',
        keys: limits.flatMap(({ account }) => countsOf(account)),
        words: [atMs, ...limits.map(({ perDay }) => windows[perDay ? 'requestsPerDay' : kind])],
      }
      // Told once: whether what was not answered was carried out, nobody knows, and twice would be one too many.
      whole(await link.call(() => batch.ride(operation), { leftMs: timeoutMs }), 1)
    },

    async reserve(claim, budget): Promise<Reservation> {
      const { lease, tokens, accounts, repetition } = claim
      const operation: Operation = {
        name: 'reserve',
        keys: [...keysOf(claim), ...seenKeys(repetition)],
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
            limits.concurrent ?? -1,
          ]),
        ],
      }
      const undo = () => unsettled.keep(nothingSpent(claim))
      const answer = await askInTime(operation, budget, undo)
      const [outcome = 2, retryMs = 0, ...standings] = whole(answer, 10)
      const outcomes = ['granted', 'requests', 'tokens', 'concurrent', 'repetition'] as const
      return {
        outcome: outcomes[outcome] ?? 'tokens',
        tokens: standingOf(standings.slice(0, 4)),
        requests: standingOf(standings.slice(4)),
        retryMs,
        local: false,
      }
    },

    async renew(renewals) {
      const toRenew = ({ lease, claim, trial }: Renewal): Operation => ({
        name: 'renew',
        keys: [...keysOf(claim), ...(trial ? [hashOf(trial)] : [])],
        words: [lease, claim?.tokens ?? 0, leaseMs, claim?.accounts.length ?? 0],
      })
      // Not all at once: requests must come through in between.
      for (let at = 0; at < renewals.length; at += renewalsAtOnce) {
        const some = renewals.slice(at, at + renewalsAtOnce).map(toRenew)
        const renew = () => Promise.all(some.map((operation) => batch.ask(operation)))
        await link.call(renew, { leftMs: timeoutMs })
      }
    },

    async settle(settlement, budget): Promise<Settled> {
      // This gateway's next request finds the slot free all the same: it is sent behind it.
      const waits = settlement.repetition !== undefined || settlement.actions > 0
      const tell = () => (waits ? batch.ask(toSettle(settlement)) : batch.ride(toSettle(settlement)))
      const answer = await link.call(tell, waits ? budget : { leftMs: timeoutMs }).catch((error: unknown) => {
        // What was done counts now or never: told all at once when Redis is back, it would open a breaker for nothing.
        if (settlement.claim || settlement.trial)
          unsettled.keep({ ...settlement, actions: 0, repetition: undefined })
        throw error
      })
      const [opened = 0, repeatedMs = 0] = whole(answer, 2)
      return { opened: opened === 1, repeatedMs }
    },

    async closeBreaker(account, budget) {
      const operation: Operation = { name: 'close-breaker', keys: countsOf(account), words: [] }
      const [wasOpen] = whole(await askInTime(operation, budget), 1)
      return wasOpen === 1
    },

    async close() {
      batch.flush()
      // Behind everything that was sent; a Redis that is away is not waited for longer than a request would.
      if (link.up) await link.call(() => connection.quit(), { leftMs: timeoutMs }).catch(() => {})
      link.close()
      unsettled.close()
      connection.disconnect()
    },
  }
}

/** What undoes a reservation that may have been made although its answer came too late. */
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

/** What a script did not say must not be taken for a yes. @throws Refusal `store_unavailable` */
function whole(answer: readonly number[], length: number): readonly number[] {
  if (answer.length === length) return answer
  throw new Refusal('store_unavailable', { detail: 'redis answered something else', retryAfterSeconds: 1 })
}

/** As scripts tell them; 0 is none. */
function scopeNumber(scope: Scope): number {
  return scopes.indexOf(scope) + 1
}

function standingOf([scope = 0, limit = 0, remaining = 0, resetMs = 0]: readonly number[]):
  | RateLimitStatus
  | undefined {
  const name = scopes[scope - 1]
  return name && { scope: name, limit, remaining, resetMs }
}
