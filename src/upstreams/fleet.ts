/**
 * The model servers of the policy: which of them has a model, which of those answers soonest, and which request waits
 * until one has room. Knows nothing of requests but who owns them. What belongs to a request (names, keys, how many at
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
import type { Catalogue } from './catalogue.ts'
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

/** What a request wants of the queue. */
export interface SlotRequest {
  readonly target: Target
  /** Servers that have failed this request already. */
  readonly tried: ReadonlySet<Upstream>
  /** Between owners the queue is fair. */
  readonly owner: string
  readonly queue: Policy['queue']
  /** Whether the client has left; `onLeave` tells it once when it does. */
  left(): boolean
  onLeave(listener: (() => void) | undefined): void
}

/** The model servers of a gateway. */
export interface Fleet {
  /**
   * Finds the servers of a model that the role may use; undefined if there are none, or it may not.
   * @param asked as the caller wrote it; an alias of the policy goes first
   * @throws Refusal if a server cannot say whether it has the model, and must be asked
   */
  find(
    asked: string,
    role: Role,
    policy: Policy,
    servers?: readonly ServerKind[],
  ): Promise<Target | undefined>
  /** Tells what the model's own file sets where a request is silent; a promise only where a server must be asked. */
  ownParameters(target: Target): ModelParameters | Promise<ModelParameters>
  /** Waits for a place at one of the target's servers. @throws Refusal `queue_full`; an Error if the client leaves */
  slot(request: SlotRequest): Promise<Slot>
  /**
   * Tells how a request went that was brought to a server.
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
  /** Lists what the servers of the policy in force have themselves, by their kind; null if one has not told. */
  listed(): Readonly<Record<string, readonly string[]>> | null
  /** Whether the servers answer: asks them, unless that was just done. */
  check(): Promise<readonly { readonly name: string; readonly up: boolean }[]>
  /** Tells that something changed the models of this server. */
  forget(upstream: Upstream): void
  /** What a server has told of its models. */
  known(upstream: Upstream): KnownModels
  /** Asks a server for its models again, unless that was done within the last second. Never rejects. */
  ask(upstream: Upstream): Promise<void>
  readonly waiting: number
  /** Counts the requests that a server works on for this gateway. */
  inFlight(upstream: Upstream): number
  close(): void
}

/** What a server has told of its models, all of it at the same time. */
export interface KnownModels {
  /** Undefined until it has told once. */
  readonly listed: Catalogue | undefined
  /** Digests of the versions that are in memory, by name. */
  readonly loaded: ReadonlyMap<string, string | null>
  /** Monotonic milliseconds. */
  readonly toldAtMs: number
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
  /** Hands it a place at this server. */
  slot(upstream: Upstream): void
  /** Refuses it, because another owner needs its place in the queue. */
  turnAway(): void
}

/** What the fleet works with. */
export interface FleetParts {
  /** The policy in force, whose servers are watched. */
  current(): Policy
  readonly ask: Ask
  readonly clock: Clock
  /** Told that a server answers with failures and is left alone, for `ms` milliseconds. */
  onEjected(upstream: Upstream, ms: number): void
  /** From 0 to below 1; another one in tests. */
  random?(): number
}

/** Begins to watch the model servers of the policy in force. */
export function createFleet(parts: FleetParts): Fleet {
  return new ModelServers(parts)
}

class ModelServers implements Fleet {
  readonly #parts: FleetParts
  readonly #random: () => number
  readonly #servers = new Map<string, ModelServer>()
  /** The same, by the objects of the policies that are still in use. */
  readonly #known = new WeakMap<Upstream, ModelServer>()
  readonly #waiters = new FairQueue<SlotWaiter>()
  readonly #allowed = createAllowed()
  readonly #watching: NodeJS.Timeout

  constructor(parts: FleetParts) {
    this.#parts = parts
    this.#random = parts.random ?? Math.random
    this.#watching = setInterval(() => void this.look(), everyMs)
    this.#watching.unref()
  }

  get waiting(): number {
    return this.#waiters.size
  }

  async find(
    asked: string,
    role: Role,
    policy: Policy,
    served?: readonly ServerKind[],
  ): Promise<Target | undefined> {
    let unlisted: Target | undefined
    let unsure: Refusal | undefined
    for (const { kind, model, members } of this.#allowed(asked, role, policy)) {
      if (served?.includes(kind) === false) continue
      const lists = (upstream: Upstream) => this.#of(upstream).catalogue?.has(model) === true
      if (!members.some(lists)) await this.learn(members)
      const local = members.filter((upstream) => !this.isRemote(upstream, model))
      const target = this.#targetOf(model, local.filter(lists), true)
      if (target) return target
      if (kind === 'ollama') unlisted = this.#targetOf(model, local, false)
      else unsure ??= this.#silence(members)
    }
    // LocalAI takes any name for a pattern, so there nothing goes without the list.
    if (!unlisted && unsure) throw unsure
    return unlisted
  }

  ownParameters({
    server,
    model,
    digest,
    upstreams: [upstream],
  }: Target): ModelParameters | Promise<ModelParameters> {
    // The others have no files that say so, or do not tell.
    return server === 'ollama' ? this.#of(upstream).parameters.of(upstream, model, digest) : {}
  }

  async slot({ target, tried, owner, queue, left, onLeave }: SlotRequest): Promise<Slot> {
    const untried = target.upstreams.filter((upstream) => !tried.has(upstream))
    this.#wake()
    const free = this.#freeAmong(untried, target.model)
    if (free) return this.#take(free)
    if (left()) throw new Error('the client left')
    if (this.#waiters.size >= queue.size) {
      const other = this.#waiters.giveWay(owner)
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
        slot: (upstream) => over(() => resolve(this.#take(upstream))),
        turnAway: () => full(),
      }
      const over = (end: () => void) => {
        clearTimeout(late)
        onLeave(undefined)
        this.#waiters.remove(owner, waiter)
        end()
      }
      const late = setTimeout(() => full('No model server was free in time. Try again later.'), queue.waitMs)
      onLeave(() => over(() => reject(new Error('the client left while it was waiting'))))
      this.#waiters.add(owner, waiter)
    })
  }

  isRemote(upstream: Upstream, model: string): boolean {
    return this.#of(upstream).catalogue?.get(model)?.remote === true
  }

  async look(): Promise<void> {
    const inForce = new Map(this.#parts.current().upstreams.map((each) => [this.#of(each), each]))
    for (const [key, server] of this.#servers)
      if (!inForce.has(server) && server.inFlight === 0) this.#servers.delete(key)
    await Promise.all(
      [...inForce].map(([server, upstream]) => {
        server.upstream = upstream
        return server.refresh(freshMs)
      }),
    )
    this.#wake()
  }

  async learn(members: readonly Upstream[]): Promise<void> {
    const due = members.map((each) => this.#of(each)).filter((server) => server.isDue(missMs))
    if (due.length === 0) return
    const asked = Promise.all(due.map((server) => server.refresh(missMs)))
    // An Ollama judges names itself, so one that has never told is not waited for long: a list that hangs must not
    // keep prompts from a server that works.
    const tells = due.some(({ catalogue }) => catalogue !== undefined)
    if (members[0]?.kind !== 'ollama' || tells) await asked
    else if (due.some(({ refusal }) => refusal === undefined)) await atMost(asked, patienceMs)
  }

  listed(): Readonly<Record<string, readonly string[]>> | null {
    const byKind: Record<string, string[]> = {}
    for (const upstream of this.#parts.current().upstreams) {
      const { catalogue } = this.#of(upstream)
      if (!catalogue) return null
      const own = [...catalogue].flatMap(([model, { remote }]) => (remote ? [] : model))
      byKind[upstream.kind] = [...(byKind[upstream.kind] ?? []), ...own]
    }
    return byKind
  }

  tell(upstream: Upstream, verdict: Verdict, latencyMs: number): void {
    const { upstreams, outlierDetection: settings } = this.#parts.current()
    const { health } = this.#of(upstream)
    if (verdict === 'answered') health.answered(latencyMs, settings)
    if (verdict === 'unreachable') health.unreachable()
    if (verdict === 'answered' || verdict === 'unreachable') return
    health.failed(settings)
    const others = upstreams.map((each) => this.#of(each).health).filter((other) => other !== health)
    if (isOutlier(health, others, settings)) this.#parts.onEjected(upstream, health.eject(settings))
  }

  isEjected(upstream: Upstream): boolean {
    return this.#of(upstream).health.ejected
  }

  async check(): Promise<readonly { readonly name: string; readonly up: boolean }[]> {
    const { upstreams } = this.#parts.current()
    // Anybody may ask at `/readyz`, as often as they like.
    await Promise.all(upstreams.map((upstream) => this.#of(upstream).refresh(freshMs)))
    return upstreams.map((upstream) => ({ name: upstream.name, up: this.#of(upstream).up }))
  }

  forget(upstream: Upstream): void {
    void this.#of(upstream).forget()
  }

  known(upstream: Upstream): KnownModels {
    const { catalogue, loaded, toldAtMs } = this.#of(upstream)
    return { listed: catalogue, loaded, toldAtMs }
  }

  inFlight(upstream: Upstream): number {
    return this.#of(upstream).inFlight
  }

  ask(upstream: Upstream): Promise<void> {
    return this.#of(upstream).refresh(missMs)
  }

  close(): void {
    clearInterval(this.#watching)
  }

  #of(upstream: Upstream): ModelServer {
    const found = this.#known.get(upstream)
    if (found) return found
    const key = `${upstream.kind} ${upstream.origin}`
    const server = this.#servers.get(key) ?? new ModelServer(upstream, this.#parts.ask, this.#parts.clock)
    this.#servers.set(key, server)
    this.#known.set(upstream, server)
    return server
  }

  #targetOf(model: string, upstreams: readonly Upstream[], listed: boolean): Target | undefined {
    const [first, ...others] = upstreams
    if (!first) return undefined
    const digest = this.#of(first).catalogue?.get(model)?.digest ?? null
    return { server: first.kind, model, listed, digest, upstreams: [first, ...others] }
  }

  /** Why it is not known which models these have, if it is not. */
  #silence(members: readonly Upstream[]): Refusal | undefined {
    return members.map((each) => this.#of(each)).find(({ catalogue }) => catalogue === undefined)?.refusal
  }

  #take(upstream: Upstream): Slot {
    const server = this.#of(upstream)
    server.inFlight++
    let held = true
    return {
      upstream,
      release: () => {
        if (!held) return
        held = false
        server.inFlight--
        this.#wake()
      },
    }
  }

  /** Of these, those with room that are not left alone; if all are left alone, one must be tried all the same. */
  #freeAmong(upstreams: readonly Upstream[], model: string): Upstream | undefined {
    const members = upstreams.map((upstream) => {
      const server = this.#of(upstream)
      return { upstream, server, concurrent: upstream.concurrent }
    })
    const healthy = members.filter(({ server }) => !server.health.ejected)
    const free = (healthy.length > 0 ? healthy : members).filter(
      ({ server, concurrent }) => server.inFlight < concurrent,
    )
    // To load a model takes longer than to wait for one that is loaded.
    const loaded = free.filter(({ server }) => server.loaded.has(model))
    return choose(loaded.length > 0 ? loaded : free, this.#random)?.upstream
  }

  /** Gives out the places that have come free by a release, by the end of a rest, or by a new policy. */
  #wake(): void {
    while (this.#waiters.size > 0) {
      let place: Upstream | undefined
      const waiter = this.#waiters.next(({ upstreams }) => {
        place = this.#freeAmong(upstreams, '')
        return place !== undefined
      })
      if (!waiter || !place) return
      waiter.slot(place)
    }
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
