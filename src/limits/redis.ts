/**
 * The store for many gateways: each operation is one Lua script (`lua/`), one round trip, atomic, in server time.
 *
 * No call outlives the request's budget: a Redis that is away, slow or hung is a refusal, never a wait. What was
 * to be settled meanwhile is kept and told when it is back, so that no slot stays taken.
 */
import { createHmac, randomBytes } from 'node:crypto'
import { connectRedis, type RedisServers } from '../redis/connect.ts'
import { createLink } from './link.ts'
import { limitScripts, runnersOf } from './scripts.ts'
import {
  type Account,
  type Admission,
  type Claim,
  leaseMs,
  type Repeated,
  type Reservation,
  type Scope,
  type Settlement,
  type Standing,
  type Store,
} from './store.ts'
import { createUnsettled } from './unsettled.ts'

/** How long what was spent may wait for company. */
const rideMs = 5
/** Renewals that are sent at once. */
const renewalsAtOnce = 256

export interface RedisStoreOptions {
  readonly servers: RedisServers
  readonly timeoutMs: number
  /** Every failure, for the log; the errors hold no credential. */
  onAway(error: unknown): void
  /** The first answer after a failure. */
  onBack(): void
  /** Settlements that were dropped because there were too many. */
  onDropped?(count: number): void
  /** See `limitScripts`. */
  readonly serverTime?: string
}

export interface RedisStore extends Store {
  /** Resolves when Redis has answered, or after a while. */
  opened(patienceMs: number): Promise<void>
}

const scopes: readonly Scope[] = ['key', 'role', 'model', 'all']

export function createRedisStore(options: RedisStoreOptions): RedisStore {
  const { servers, timeoutMs, onAway, onBack, onDropped, serverTime } = options
  const connection = connectRedis(servers, timeoutMs, limitScripts(serverTime), (error) => {
    if (!link.up) onAway(error)
  })
  const scripts = runnersOf(connection)
  const prefix = `{${servers.prefix}}:`
  const hashOf = ({ scope, name }: Account) => `${prefix}use:${scope}:${name}`
  const keysOf = (claim: Claim | undefined) =>
    (claim?.accounts ?? []).flatMap(({ account }) => [
      hashOf(account),
      `${prefix}held:${account.scope}:${account.name}`,
    ])

  /** Keys the digests under which repeated things are known, so that nobody who reads them can try what they are of. */
  let secret = randomBytes(32).toString('hex')
  const touch = async () => {
    const key = `${prefix}secret`
    await connection.set(key, secret, 'NX')
    secret = (await connection.get(key)) ?? secret
  }
  const seenKeys = (repeated: Repeated | undefined) =>
    (repeated?.things ?? []).map((thing) => {
      const { scope, name } = (repeated as Repeated).account
      const digest = createHmac('sha256', secret).update(thing).digest('base64url').slice(0, 22)
      return `${prefix}seen:${scope}:${name}:${digest}`
    })

  const sendSettlement = (settlement: Settlement) => {
    const { lease, claim, spent, breaker, actions, trial, repetition } = settlement
    const accounts = claim?.accounts ?? []
    return scripts.torwartSettle(
      [...keysOf(claim), ...(breaker ? [hashOf(breaker.account)] : []), ...seenKeys(repetition)],
      [
        lease,
        claim?.tokens ?? 0,
        spent,
        accounts.length,
        breaker?.actionsPerMinute ?? -1,
        actions,
        trial === undefined ? -1 : trial === 'passed' ? 1 : 0,
        repetition?.limit.same ?? 1,
        repetition?.limit.windowMs ?? 1,
        ...accounts.flatMap(({ limits }) => [
          limits.tokensPerMinute === undefined ? 0 : 1,
          limits.tokensPerDay === undefined ? 0 : 1,
        ]),
      ],
    )
  }
  const unsettled = createUnsettled(
    (settlement) => link.call(() => sendSettlement(settlement), { leftMs: timeoutMs }),
    (count) => onDropped?.(count),
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

  // A write to the socket costs more than what is written, and nobody waits for a settlement: it rides in front of
  // the next question, so that this gateway's next request finds the slot free, or goes alone after a while.
  let riders: { readonly settlement: Settlement; told(): void }[] = []
  let departure: NodeJS.Timeout | undefined
  const depart = () => {
    if (riders.length === 0) return
    clearTimeout(departure)
    departure = undefined
    const all = riders
    riders = []
    for (const { settlement, told } of all)
      link
        .call(() => sendSettlement(settlement), { leftMs: timeoutMs })
        .catch(() => unsettled.keep(settlement))
        .then(told)
  }

  return {
    mode: 'shared',
    opened: link.opened,
    check: link.check,

    async admit({ lease, kind, limits, breaker }, budget): Promise<Admission> {
      depart()
      const others = breaker
        ? limits.filter(({ account }) => hashOf(account) !== hashOf(breaker.account))
        : limits
      const own = breaker && limits.find(({ account }) => hashOf(account) === hashOf(breaker.account))
      const counted = breaker ? [...others, { account: breaker.account, limit: own?.limit ?? -1 }] : others
      const answer = await link.call(
        () =>
          scripts.torwartAdmit(
            counted.map(({ account }) => hashOf(account)),
            [
              kind === 'requests' ? 'r' : 'p',
              lease,
              leaseMs,
              breaker?.actionsPerMinute ?? -1,
              ...counted.flatMap(({ account, limit }) => [scopeNumber(account.scope), limit]),
            ],
          ),
        budget,
      )
      const [outcome = 0, retryMs = 0, nextMs = 0, trial = 0, opened = 0, ...standing] = numbers(answer)
      return {
        outcome: (['admitted', 'requests', 'breaker'] as const)[outcome] ?? 'requests',
        standing: standingOf(standing),
        retryMs,
        nextMs,
        trial: trial === 1,
        opened: opened === 1,
        local: false,
      }
    },

    async reserve(claim, budget): Promise<Reservation> {
      depart()
      const { lease, tokens, accounts, repetition } = claim
      const answer = await link.call(
        () =>
          scripts.torwartReserve(
            [...keysOf(claim), ...seenKeys(repetition)],
            [
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
          ),
        budget,
        () => unsettled.keep(nothingSpent(claim)),
      )
      const [outcome = 0, retryMs = 0, ...standings] = numbers(answer)
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
      for (let at = 0; at < renewals.length; at += renewalsAtOnce)
        await Promise.all(
          renewals
            .slice(at, at + renewalsAtOnce)
            .map(({ lease, claim, trial }) =>
              link.call(
                () =>
                  scripts.torwartRenew(
                    [...keysOf(claim), ...(trial ? [hashOf(trial)] : [])],
                    [lease, claim?.tokens ?? 0, leaseMs, claim?.accounts.length ?? 0],
                  ),
                { leftMs: timeoutMs },
              ),
            ),
        )
    },

    async settle(settlement, budget) {
      if (!settlement.repetition && !(settlement.breaker && settlement.actions > 0)) {
        await new Promise<void>((told) => {
          riders.push({ settlement, told })
          departure ??= setTimeout(depart, rideMs)
        })
        return { opened: false, repeatedMs: 0 }
      }
      depart()
      const answer = await link.call(
        () => sendSettlement(settlement),
        budget,
        // What must not come too often was judged too late; the rest still holds.
        () => unsettled.keep({ ...settlement, repetition: undefined }),
      )
      const [opened = 0, repeatedMs = 0] = numbers(answer)
      return { opened: opened === 1, repeatedMs }
    },

    async closeBreaker(account, budget) {
      const answer = await link.call(() => scripts.torwartCloseBreaker([hashOf(account)], []), budget)
      return answer === 1
    },

    async close() {
      depart()
      // Behind everything that was sent; a Redis that is away is not waited for longer than a request would.
      if (link.up) await link.call(() => connection.quit(), { leftMs: timeoutMs }).catch(() => {})
      link.close()
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
  }
}

/** As scripts tell them; 0 is none. */
function scopeNumber(scope: Scope): number {
  return scopes.indexOf(scope) + 1
}

function standingOf([scope = 0, limit = 0, remaining = 0, resetMs = 0]: readonly number[]):
  | Standing
  | undefined {
  const name = scopes[scope - 1]
  return name && { scope: name, limit, remaining, resetMs }
}

function numbers(answer: unknown): readonly number[] {
  return Array.isArray(answer) ? (answer as number[]) : []
}
