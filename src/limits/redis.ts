/**
 * The store for many gateways: each operation is one Lua script (`lua/`), one round trip, atomic, in server
 * time. All keys of a subject carry its id as hash tag, so they live on one node of a cluster.
 *
 * No call outlives the request's budget: a Redis that is away, slow or hung is a refusal, never a wait.
 */
import { readFileSync } from 'node:fs'
import { Redis } from 'ioredis'
import { Refusal } from '../core/refusal.ts'
import {
  type Admission,
  type Budget,
  dayMs,
  minuteMs,
  type Reservation,
  type Store,
  stepsPerWindow,
} from './store.ts'

const minuteStep = minuteMs / stepsPerWindow
const dayStep = dayMs / stepsPerWindow
/** How long what was spent may wait for company. */
const rideMs = 5

type Script = (...keysAndArguments: (string | number)[]) => Promise<unknown>
interface Scripts {
  readonly torwartAdmit: Script
  readonly torwartReserve: Script
  readonly torwartSettle: Script
}

function script(name: string): string {
  const read = (file: string) => readFileSync(new URL(`./lua/${file}.lua`, import.meta.url), 'utf8')
  return `${read('window')}\n${read(name)}`
}

export interface RedisOptions {
  readonly url: string
  readonly timeoutMs: number
  /** Every failure, for the log; the errors hold no credential. */
  onAway(error: Error): void
  /** The first answer after a failure. */
  onBack(): void
}

export function createRedisStore({ url, timeoutMs, onAway, onBack }: RedisOptions): Store {
  const redis = new Redis(url, {
    enableAutoPipelining: true,
    // Without a connection a command fails at once; queueing it would be the wait we do not want.
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    connectTimeout: 2000,
    retryStrategy: (attempt) => Math.min(attempt * 50, 1000),
    scripts: {
      torwartAdmit: { lua: script('admit'), numberOfKeys: 1 },
      torwartReserve: { lua: script('reserve'), numberOfKeys: 4 },
      torwartSettle: { lua: script('settle'), numberOfKeys: 4 },
    },
  })
  redis.on('error', onAway)
  const scripts = redis as unknown as Scripts
  let answering = true

  /** `undo` is sent after a call that may still be carried out although its answer came too late. */
  const call = async (run: () => Promise<unknown>, budget: Budget, undo?: () => void): Promise<number[]> => {
    const startedAt = performance.now()
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_resolve, reject) => {
      // One more look at the sockets before giving up: on a busy event loop the answer may have been waiting.
      const giveUp = () => setImmediate(() => reject(new Error('no answer in time')))
      timer = setTimeout(giveUp, Math.max(1, budget.leftMs))
    })
    try {
      const answer = await Promise.race([run(), late])
      if (!answering) onBack()
      answering = true
      return answer as number[]
    } catch (cause) {
      answering = false
      onAway(cause as Error)
      undo?.()
      throw new Refusal('store_unavailable', { detail: 'redis did not answer', cause, retryAfterSeconds: 1 })
    } finally {
      clearTimeout(timer)
      budget.leftMs -= performance.now() - startedAt
    }
  }

  // A write to the socket costs more than what is written, and nobody waits for a settlement: it rides in front of
  // the next question, so that this gateway's next request finds the slot free, or goes alone after a while.
  let riders: (() => void)[] = []
  let departure: NodeJS.Timeout | undefined
  const depart = () => {
    clearTimeout(departure)
    departure = undefined
    const all = riders
    riders = []
    for (const send of all) send()
  }
  const ride = <T>(send: () => Promise<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      riders.push(() => send().then(resolve, reject))
      departure ??= setTimeout(depart, rideMs)
    })

  return {
    async check() {
      try {
        await call(() => redis.ping(), { leftMs: timeoutMs })
      } catch {
        return false
      }
      return true
    },

    async admit(subject, kind, limit, budget): Promise<Admission> {
      depart()
      const key = `torwart:{${subject}}:${kind}`
      const answer = await call(() => scripts.torwartAdmit(key, limit, minuteStep), budget)
      const [admitted = 0, remaining = 0, resetMs = 0, retryMs = 0] = answer
      return { admitted: admitted === 1, remaining, resetMs, retryMs }
    },

    async reserve(claim, budget): Promise<Reservation> {
      depart()
      const answer = await call(
        () =>
          scripts.torwartReserve(
            ...keysOf(claim.subject),
            claim.lease,
            claim.tokens,
            claim.leaseMs,
            claim.tokensPerMinute ?? -1,
            minuteStep,
            claim.tokensPerDay ?? -1,
            dayStep,
            claim.concurrent ?? -1,
          ),
        budget,
        () => void scripts.torwartSettle(...keysOf(claim.subject), claim.lease, 0, -1, -1).catch(() => {}),
      )
      const [outcome = 0, remaining = -1, limit = -1, resetMs = 0, retryMs = 0] = answer
      return {
        outcome: outcome === 0 ? 'granted' : outcome === 1 ? 'tokens' : 'concurrent',
        remaining: remaining < 0 ? Number.POSITIVE_INFINITY : remaining,
        limit: limit < 0 ? Number.POSITIVE_INFINITY : limit,
        resetMs: Math.max(0, resetMs),
        retryMs,
      }
    },

    async settle(claim, spent) {
      const minute = claim.tokensPerMinute === undefined ? -1 : minuteStep
      const day = claim.tokensPerDay === undefined ? -1 : dayStep
      const settle = () => scripts.torwartSettle(...keysOf(claim.subject), claim.lease, spent, minute, day)
      await ride(() => call(settle, { leftMs: timeoutMs }))
    },

    async close() {
      depart()
      // Behind everything that was sent; a Redis that is away is not waited for longer than a request would.
      await call(() => redis.quit(), { leftMs: timeoutMs }).catch(() => {})
      redis.disconnect()
    },
  }
}

function keysOf(subject: string): [string, string, string, string] {
  const prefix = `torwart:{${subject}}:`
  return [`${prefix}minute`, `${prefix}day`, `${prefix}leases`, `${prefix}held`]
}
