/**
 * The model servers of the policy: which of them has a model, which of those answers soonest, and who waits until
 * one has room. Knows nothing of requests but who owns them. What belongs to a request (names, keys, how many at
 * once) is taken from that request's own policy; what is known of a server is kept by its address and kind.
 */
import type { Clock } from '../core/clock.ts'
import { Refusal } from '../core/refusal.ts'
import type { ServerKind } from '../core/servers.ts'
import type { ModelParameters } from '../dialects/dialect.ts'
import type { Policy, Role, Upstream } from '../policy/policy.ts'
import { createAllowed } from './allowed.ts'
import type { Ask } from './ask.ts'
import { choose } from './balance.ts'
import { FairQueue } from './fair-queue.ts'
import type { Verdict } from './health.ts'
import { isOutlier } from './outlier.ts'
import { ModelServer } from './server.ts'

/** Servers of one kind that can serve a model under one name. */
export interface Target {
  readonly server: ServerKind
  /** Canonical for this kind of server. */
  readonly model: string
  /** Whether a server's list holds it; if not, its name is only what a caller wrote. */
  readonly listed: boolean
  readonly digest: string | null
  /** Of the request's own policy. */
  readonly upstreams: readonly [Upstream, ...Upstream[]]
}

/** A place at a server, held until it is released. */
export interface Slot {
  readonly upstream: Upstream
  /** Gives the place to whoever waits; calling it again does nothing. */
  release(): void
}

export interface SlotRequest {
  readonly target: Target
  /** Servers that have failed this request already. */
  readonly tried: ReadonlySet<Upstream>
  /** Between owners the queue is fair. */
  readonly owner: string
  readonly queue: Policy['queue']
  /** Whether nobody wants the slot any more; `onLeave` tells it once when it comes to that. */
  left(): boolean
  onLeave(listener: (() => void) | undefined): void
}

export interface Fleet {
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
  /** What the model's own file says where a request is silent; a promise only where a server must be asked. */
  ownParameters(target: Target): ModelParameters | Promise<ModelParameters>
  /** @throws Refusal `queue_full`; an Error if `onLeave` told */
  slot(wish: SlotRequest): Promise<Slot>
  /**
   * How a request went that was brought to a server.
   * @param latencyMs from the request to the first of the answer
   */
  tell(upstream: Upstream, verdict: Verdict, latencyMs: number): void
  /** Whether a server is left alone for having failed. */
  isEjected(upstream: Upstream): boolean
  /** Whether the model is on another host, as far as the server's list tells. */
  isRemote(upstream: Upstream, model: string): boolean
  /** Asks these servers, of one kind, for their models, unless that was just done. Never rejects. */
  learn(upstreams: readonly Upstream[]): Promise<void>
  /** Asks every server of the policy in force, and looks who can go on. Never rejects. */
  look(): Promise<void>
  /** What the servers of the policy in force have themselves, by their kind; null if one of them has not told. */
  listed(): Readonly<Record<string, readonly string[]>> | null
  /** Whether the servers answer: asks them, unless that was just done. */
  check(): Promise<readonly { readonly name: string; readonly up: boolean }[]>
  /** Something changed the models of this server. */
  forget(upstream: Upstream): void
  readonly waiting: number
  close(): void
}

const freshMs = 2_000
/** A model that is not there may have been pulled just now; but not more often than this. */
const missMs = 1_000
const everyMs = 10_000
const patienceMs = 150
/** Short, because clients sleep all of it: who has waited in the queue has waited enough. */
const comeBackSeconds = 2

interface SlotWaiter {
  readonly upstreams: readonly Upstream[]
  slot(upstream: Upstream): void
  turnAway(): void
}

export interface FleetParts {
  /** The policy in force, whose servers are watched. */
  current(): Policy
  readonly ask: Ask
  readonly clock: Clock
  /** A server that answers with failures is left alone, for so long. */
  onEjected(upstream: Upstream, ms: number): void
  /** From 0 to below 1; another one in tests. */
  random?(): number
}

export function createFleet({ current, ask, clock, onEjected, random = Math.random }: FleetParts): Fleet {
  const servers = new Map<string, ModelServer>()
  /** The same, by the objects of the policies that are still in use. */
  const known = new WeakMap<Upstream, ModelServer>()
  const waiters = new FairQueue<SlotWaiter>()

  const serverOf = (upstream: Upstream): ModelServer => {
    const found = known.get(upstream)
    if (found) return found
    const key = `${upstream.kind} ${upstream.origin}`
    const server = servers.get(key) ?? new ModelServer(upstream, ask, clock)
    servers.set(key, server)
    known.set(upstream, server)
    return server
  }

  const look = async (): Promise<void> => {
    const inForce = new Map(current().upstreams.map((upstream) => [serverOf(upstream), upstream]))
    for (const [key, server] of servers)
      if (!inForce.has(server) && server.inFlight === 0) servers.delete(key)
    await Promise.all(
      [...inForce].map(([server, upstream]) => {
        server.upstream = upstream
        return server.refresh(freshMs)
      }),
    )
    wake()
  }
  const watching = setInterval(() => void look(), everyMs)
  watching.unref()

  const lists = (model: string) => (upstream: Upstream) => serverOf(upstream).catalogue?.has(model) === true
  const isRemote: Fleet['isRemote'] = (upstream, model) =>
    serverOf(upstream).catalogue?.get(model)?.remote === true

  /** Where nobody is known to have a model, it may have been pulled just now. */
  const learn = async (members: readonly Upstream[]): Promise<void> => {
    const due = members.map(serverOf).filter((server) => server.isDue(missMs))
    if (due.length === 0) return
    const asked = Promise.all(due.map((server) => server.refresh(missMs)))
    // An Ollama judges names itself, so one that has never told is not waited for long: a list that hangs must not
    // keep prompts from a server that works.
    const tells = due.some(({ catalogue }) => catalogue !== undefined)
    if (members[0]?.kind !== 'ollama' || tells) await asked
    else if (due.some(({ refusal }) => refusal === undefined)) await atMost(asked, patienceMs)
  }

  const targetOf = (model: string, upstreams: readonly Upstream[], listed: boolean): Target | undefined => {
    const [first, ...others] = upstreams
    if (!first) return undefined
    const digest = serverOf(first).catalogue?.get(model)?.digest ?? null
    return { server: first.kind, model, listed, digest, upstreams: [first, ...others] }
  }

  /** Why it is not known which models these have, if it is not. */
  const silence = (members: readonly Upstream[]): Refusal | undefined =>
    members.map(serverOf).find(({ catalogue }) => catalogue === undefined)?.refusal

  const allowed = createAllowed()

  const find: Fleet['find'] = async (asked, role, policy, served) => {
    let unlisted: Target | undefined
    let unsure: Refusal | undefined
    for (const { kind, model, members } of allowed(asked, role, policy)) {
      if (served?.includes(kind) === false) continue
      if (!members.some(lists(model))) await learn(members)
      const local = members.filter((upstream) => !isRemote(upstream, model))
      const target = targetOf(model, local.filter(lists(model)), true)
      if (target) return target
      if (kind === 'ollama') unlisted = targetOf(model, local, false)
      else unsure ??= silence(members)
    }
    // LocalAI takes any name for a pattern, so there nothing goes without the list.
    if (!unlisted && unsure) throw unsure
    return unlisted
  }

  const hasRoom = (upstream: Upstream) => serverOf(upstream).inFlight < upstream.concurrent

  const take = (upstream: Upstream): Slot => {
    const server = serverOf(upstream)
    server.inFlight++
    let held = true
    return {
      upstream,
      release() {
        if (!held) return
        held = false
        server.inFlight--
        wake()
      },
    }
  }

  /** Of these, those with room that are not left alone; if all are left alone, one must be tried all the same. */
  const freeAmong = (upstreams: readonly Upstream[], model: string): Upstream | undefined => {
    const members = upstreams.map((upstream) => {
      const server = serverOf(upstream)
      return { upstream, server, concurrent: upstream.concurrent }
    })
    const healthy = members.filter(({ server }) => !server.health.ejected)
    const free = (healthy.length > 0 ? healthy : members).filter(({ upstream }) => hasRoom(upstream))
    // To load a model takes longer than to wait for one that is loaded.
    const loaded = free.filter(({ server }) => server.loaded.has(model))
    return choose(loaded.length > 0 ? loaded : free, random)?.upstream
  }

  /** Room may have come by a release, by the end of a rest, or by a new policy. */
  const wake = () => {
    while (waiters.size > 0) {
      let place: Upstream | undefined
      const waiter = waiters.next(({ upstreams }) => {
        place = freeAmong(upstreams, '')
        return place !== undefined
      })
      if (!waiter || !place) return
      waiter.slot(place)
    }
  }

  const slot: Fleet['slot'] = async ({ target, tried, owner, queue, left, onLeave }) => {
    const untried = target.upstreams.filter((upstream) => !tried.has(upstream))
    wake()
    const free = freeAmong(untried, target.model)
    if (free) return take(free)
    if (left()) throw new Error('the client left')
    if (waiters.size >= queue.size) {
      const other = waiters.giveWay(owner)
      if (!other) throw new Refusal('queue_full', { retryAfterSeconds: 1 })
      other.turnAway()
    }
    return new Promise((resolve, reject) => {
      const full = (say?: string) =>
        over(() =>
          reject(new Refusal('queue_full', { retryAfterSeconds: comeBackSeconds, ...(say ? { say } : {}) })),
        )
      const waiter: SlotWaiter = {
        upstreams: untried,
        slot: (upstream) => over(() => resolve(take(upstream))),
        turnAway: () => full(),
      }
      const over = (end: () => void) => {
        clearTimeout(late)
        onLeave(undefined)
        waiters.remove(owner, waiter)
        end()
      }
      const late = setTimeout(() => full('No model server was free in time. Try again later.'), queue.waitMs)
      onLeave(() => over(() => reject(new Error('the client left while it was waiting'))))
      waiters.add(owner, waiter)
    })
  }

  return {
    find,
    ownParameters({ server, model, digest, upstreams: [upstream] }) {
      // The others have no files that say so, or do not tell.
      return server === 'ollama' ? serverOf(upstream).parameters.of(upstream, model, digest) : {}
    },
    slot,
    isRemote,
    look,
    learn,
    listed() {
      const byKind: Record<string, string[]> = {}
      for (const upstream of current().upstreams) {
        const { catalogue } = serverOf(upstream)
        if (!catalogue) return null
        const own = [...catalogue].flatMap(([model, { remote }]) => (remote ? [] : model))
        byKind[upstream.kind] = [...(byKind[upstream.kind] ?? []), ...own]
      }
      return byKind
    },
    tell(upstream, verdict, latencyMs) {
      const { upstreams, outlierDetection: settings } = current()
      const { health } = serverOf(upstream)
      if (verdict === 'answered') return health.answered(latencyMs, settings)
      if (verdict === 'unreachable') return health.unreachable()
      health.failed(settings)
      const others = upstreams.map((each) => serverOf(each).health).filter((other) => other !== health)
      if (isOutlier(health, others, settings)) onEjected(upstream, health.eject(settings))
    },
    isEjected: (upstream) => serverOf(upstream).health.ejected,
    async check() {
      const { upstreams } = current()
      // Anybody may ask at `/readyz`, as often as they like.
      await Promise.all(upstreams.map((upstream) => serverOf(upstream).refresh(freshMs)))
      return upstreams.map((upstream) => ({ name: upstream.name, up: serverOf(upstream).up }))
    },
    forget: (upstream) => void serverOf(upstream).forget(),
    get waiting() {
      return waiters.size
    },
    close: () => clearInterval(watching),
  }
}

async function atMost(work: Promise<unknown>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const enough = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms)
  })
  await Promise.race([work, enough])
  clearTimeout(timer)
}
