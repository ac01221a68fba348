/**
 * The model servers of the policy: which of them has a model, which of those is least loaded, and who waits until
 * one has room. Knows nothing of requests but who owns them.
 */
import type { Clock } from '../core/clock.ts'
import { Refusal } from '../core/refusal.ts'
import type { ServerKind } from '../core/servers.ts'
import { canonicalFor } from '../models/name.ts'
import type { Policy, Role, Upstream } from '../policy/policy.ts'
import { FairQueue } from './fair-queue.ts'
import { type Ask, ModelServer } from './server.ts'

/** Servers of one kind that can serve a model under one name. */
export interface Target {
  readonly server: ServerKind
  /** Canonical for this kind of server. */
  readonly model: string
  readonly digest: string | null
  readonly upstreams: readonly [Upstream, ...Upstream[]]
}

/** A place at a server, held until it is released. */
export interface Seat {
  readonly upstream: Upstream
  /** How long was waited for it. */
  readonly queuedMs: number
  /** Gives the place to whoever waits; calling it again does nothing. */
  release(): void
}

export interface SeatWish {
  readonly target: Target
  /** Servers that have failed this request already. */
  readonly tried: ReadonlySet<Upstream>
  /** Between owners the queue is fair. */
  readonly owner: string
  readonly queue: Policy['queue']
  /** Whether nobody wants the seat any more; `onLeave` tells it once when it comes to that. */
  left(): boolean
  onLeave(listener: (() => void) | undefined): void
}

export interface Fleet {
  /** Every server has been asked once, whether or not it answered. Never rejects. */
  readonly ready: Promise<void>
  /**
   * Who serves this model, if the role may use it; undefined if nobody does or it may not.
   * @param asked as the caller wrote it; an alias of the policy goes first
   * @throws Refusal if a server cannot say whether it has the model, and must be asked
   */
  find(
    asked: string,
    role: Role,
    policy: Policy,
    servers?: readonly ServerKind[],
  ): Promise<Target | undefined>
  /** @throws Refusal `queue_full`; an Error if `onLeave` told */
  seat(wish: SeatWish): Promise<Seat>
  /** How a request went that was brought to a server. */
  tell(upstream: Upstream, worked: boolean): void
  /** Whether the list of this server says that the model is on another host. */
  isRemote(upstream: Upstream, model: string): boolean
  ask: Ask
  /** Whether the servers answer: asks them. */
  check(): Promise<readonly { readonly name: string; readonly up: boolean }[]>
  /** Something changed the models of this server: what is known of it is old. */
  forget(upstream: Upstream): void
  readonly waiting: number
  close(): void
}

const freshMs = 2_000
/** A model that is not there may have been pulled just now; but not more often than this. */
const missMs = 1_000
const everyMs = 10_000
const patienceMs = 150

interface Waiter {
  readonly servers: readonly ModelServer[]
  seat(server: ModelServer): void
}

/** @param current the policy in force, whose servers are watched */
export function createFleet(current: () => Policy, ask: Ask, clock: Clock): Fleet {
  const servers = new Map<string, ModelServer>()
  const waiters = new FairQueue<Waiter>()

  const keyOf = ({ origin, kind }: Upstream) => `${kind} ${origin}`
  const serverOf = (upstream: Upstream): ModelServer => {
    const known = servers.get(keyOf(upstream))
    if (known) return known
    const server = new ModelServer(upstream, ask, clock)
    servers.set(keyOf(upstream), server)
    return server
  }

  const watch = async () => {
    const inForce = current().upstreams
    const keys = new Set(inForce.map(keyOf))
    for (const [key, server] of servers) if (!keys.has(key) && server.inFlight === 0) servers.delete(key)
    const all = inForce.map((upstream) => {
      const server = serverOf(upstream)
      server.upstream = upstream
      return server.refresh(freshMs)
    })
    await Promise.all(all)
  }
  const ready = watch()
  const watching = setInterval(() => void watch(), everyMs)
  watching.unref()

  const lists = (model: string) => (server: ModelServer) => server.catalogue?.has(model)

  /** Asks again where nobody is known to have the model: it may have been pulled just now. */
  const learn = async (members: readonly ModelServer[], model: string): Promise<void> => {
    if (members.some(lists(model))) return
    const due = members.filter((server) => server.isDue(missMs))
    if (due.length === 0) return
    const asked = Promise.all(due.map((server) => server.refresh(missMs)))
    // An Ollama judges names itself, so one that does not tell is not waited for: a list that hangs must not keep
    // prompts from a server that works.
    if (due.some(({ upstream }) => upstream.kind !== 'ollama')) await asked
    else if (due.some(({ refusal }) => refusal === undefined)) await atMost(asked, patienceMs)
  }

  // By snapshot: this is asked for every request.
  const kindsOf = new WeakMap<Policy, readonly (readonly [ServerKind, readonly ModelServer[]])[]>()
  const byKind = (policy: Policy) => {
    const known = kindsOf.get(policy)
    if (known) return known
    const kinds = [...new Set(policy.upstreams.map(({ kind }) => kind))].map(
      (kind) => [kind, policy.upstreams.filter((each) => each.kind === kind).map(serverOf)] as const,
    )
    kindsOf.set(policy, kinds)
    return kinds
  }

  const find: Fleet['find'] = async (asked, role, policy, served) => {
    const name = policy.aliases.get(asked) ?? asked
    let unlisted: Target | undefined
    let unsure: Refusal | undefined
    for (const [kind, members] of byKind(policy)) {
      const model = canonicalFor(kind, name)
      if (model === undefined || served?.includes(kind) === false || !role.mayUse(model, kind)) continue
      await learn(members, model)
      const local = members.filter((server) => server.catalogue?.get(model)?.remote !== true)
      const target = targetOf(kind, model, local.filter(lists(model)))
      if (target) return target
      if (kind === 'ollama') unlisted = targetOf(kind, model, local)
      else unsure ??= silence(members)
    }
    // LocalAI takes any name for a pattern, so there nothing goes without the list.
    if (!unlisted && unsure) throw unsure
    return unlisted
  }

  const take = (server: ModelServer, sinceMs: number): Seat => {
    server.inFlight++
    let held = true
    return {
      upstream: server.upstream,
      queuedMs: clock.monotonicMs() - sinceMs,
      release() {
        if (!held) return
        held = false
        server.inFlight--
        if (!server.full) waiters.next((waiter) => waiter.servers.includes(server))?.seat(server)
      },
    }
  }

  const seat: Fleet['seat'] = async ({ target, tried, owner, queue, left, onLeave }) => {
    const sinceMs = clock.monotonicMs()
    const untried = target.upstreams.filter((upstream) => !tried.has(upstream)).map(serverOf)
    const rested = untried.filter((server) => !server.resting)
    // If all are resting, one of them must be tried all the same: it may be the only one there is.
    const able = rested.length > 0 ? rested : untried
    const free = leastLoaded(able, target.model)
    if (free) return take(free, sinceMs)
    if (left()) throw new Error('the client left')
    if (waiters.size >= queue.size) throw new Refusal('queue_full', { retryAfterSeconds: 1 })
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        servers: able,
        seat(server) {
          over()
          resolve(take(server, sinceMs))
        },
      }
      const over = () => {
        clearTimeout(late)
        onLeave(undefined)
        waiters.remove(owner, waiter)
      }
      const late = setTimeout(() => {
        over()
        reject(
          new Refusal('queue_full', {
            say: 'No model server had room in time; try again later.',
            retryAfterSeconds: Math.max(1, Math.ceil(queue.waitMs / 1000)),
          }),
        )
      }, queue.waitMs)
      onLeave(() => {
        over()
        reject(new Error('the client left while it was waiting'))
      })
      waiters.add(owner, waiter)
    })
  }

  return {
    ready,
    find,
    seat,
    ask,
    tell(upstream, worked) {
      if (worked) serverOf(upstream).worked()
      else serverOf(upstream).failed()
    },
    isRemote: (upstream, model) => serverOf(upstream).catalogue?.get(model)?.remote === true,
    async check() {
      const all = current().upstreams.map(serverOf)
      await Promise.all(all.map((server) => server.refresh(0)))
      return all.map(({ upstream, up }) => ({ name: upstream.name, up }))
    },
    forget(upstream) {
      void serverOf(upstream).refresh(0)
    },
    get waiting() {
      return waiters.size
    },
    close: () => clearInterval(watching),
  }
}

function targetOf(server: ServerKind, model: string, servers: readonly ModelServer[]): Target | undefined {
  const [first, ...others] = servers.map(({ upstream }) => upstream)
  const digest = servers[0]?.catalogue?.get(model)?.digest ?? null
  return first && { server, model, digest, upstreams: [first, ...others] }
}

/** Why it is not known which models these have, if it is not. */
function silence(members: readonly ModelServer[]): Refusal | undefined {
  const silent = members.find(({ catalogue }) => catalogue === undefined)
  if (!silent) return undefined
  const detail = `the list of models of ${silent.upstream.name} cannot be read`
  return silent.refusal ?? new Refusal('upstream_unavailable', { detail, retryAfterSeconds: 1 })
}

async function atMost(work: Promise<unknown>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const enough = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms)
  })
  await Promise.race([work, enough])
  clearTimeout(timer)
}

/** Of those with room: where the model is in memory already, then where the smallest share of places is taken. */
function leastLoaded(servers: readonly ModelServer[], model: string): ModelServer | undefined {
  const share = ({ inFlight, upstream, loaded }: ModelServer) =>
    inFlight / upstream.concurrent - (loaded.has(model) ? 1 : 0)
  return servers
    .filter((server) => !server.full)
    .reduce<ModelServer | undefined>(
      (best, server) => (best === undefined || share(server) < share(best) ? server : best),
      undefined,
    )
}
