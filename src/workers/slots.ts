/**
 * Slots at model servers for several workers: the primary grants them and keeps the queue, so that `concurrent` and
 * `queue` hold for all workers together, and its fleet knows of every failure. Each worker finds out for itself which
 * servers have a model.
 */
import { Refusal } from '../core/refusal.ts'
import type { Upstream } from '../policy/policy.ts'
import type { Fleet, Slot, SlotRequest, Target } from '../upstreams/fleet.ts'
import type { Verdict } from '../upstreams/health.ts'
import type { Channel, Handlers } from './channel.ts'

/** A worker's request for a slot. `upstreams` are keys (`keyOf`) of the servers that it may use, in the order of its policy. */
interface Wanted {
  readonly id: number
  readonly upstreams: readonly string[]
  readonly target: Omit<Target, 'upstreams'>
  readonly owner: string
  readonly queue: SlotRequest['queue']
}

/** Names a server as the fleet does, by kind and address. */
function keyOf({ kind, origin }: Upstream): string {
  return `${kind} ${origin}`
}

/**
 * Makes the fleet of a worker.
 * @param local what the worker knows of models
 * @param current the servers of the policy in force
 */
export function createRemoteFleet(local: Fleet, channel: Channel, current: () => readonly Upstream[]): Fleet {
  channel.answer({
    'slots.forgotten': (key: string) => {
      const upstream = current().find((each) => keyOf(each) === key)
      if (upstream) local.forget(upstream)
    },
  })
  const askFor = askingFor(channel)
  return {
    find: (asked, role, policy, servers) => local.find(asked, role, policy, servers),
    ownParameters: (target) => local.ownParameters(target),
    slot: askFor,
    tell: (upstream, verdict, latencyMs) => channel.tell('slots.tell', [keyOf(upstream), verdict, latencyMs]),
    isEjected: (upstream) => local.isEjected(upstream),
    known: (upstream) => local.known(upstream),
    ask: (upstream) => local.ask(upstream),
    isRemote: (upstream, model) => local.isRemote(upstream, model),
    learn: (upstreams) => local.learn(upstreams),
    look: () => local.look(),
    listed: () => local.listed(),
    check: () => local.check(),
    // The primary tells all workers, this one among them.
    forget: (upstream) => channel.tell('slots.forget', [keyOf(upstream)]),
    get waiting() {
      return local.waiting
    },
    inFlight: (upstream) => local.inFlight(upstream),
    close: () => local.close(),
  }
}

/** Makes the function that gets a slot: a spare one, or else one from the primary. */
function askingFor(channel: Channel): Fleet['slot'] {
  const spares = new SpareSlots((id) => channel.tell('slots.leave', [id]))
  channel.answer({ 'slots.recall': () => spares.giveUp() })
  let lastId = 0
  return ({ target, tried, owner, queue, left, onLeave }: SlotRequest): Promise<Slot> => {
    if (left()) return Promise.reject(new Error('the client left'))
    const { upstreams, ...rest } = target
    const untried = upstreams.filter((upstream) => !tried.has(upstream))
    const [only] = untried
    // Among several servers the primary chooses, by what all workers know of them.
    const key = only && untried.length === 1 && queue.size > 0 ? keyOf(only) : undefined
    const spare = key === undefined ? undefined : spares.take(key)
    const held = (id: number, upstream: Upstream): Slot => ({
      upstream,
      release: once(() => spares.keep(key, id)),
    })
    if (spare !== undefined && only) return Promise.resolve(held(spare, only))
    const id = ++lastId
    const wanted: Wanted = { id, upstreams: untried.map(keyOf), target: rest, owner, queue }
    return awaitSlot(wanted, channel, onLeave).then((index) => {
      const upstream = untried[index]
      if (upstream) return held(id, upstream)
      throw new Refusal('upstream_unavailable', { retryAfterSeconds: 1 })
    })
  }
}

/** Waits for a slot. @returns the index of its server @throws an Error if the client leaves, or what the primary refuses with */
function awaitSlot(wanted: Wanted, channel: Channel, onLeave: SlotRequest['onLeave']): Promise<number> {
  return new Promise((resolve, reject) => {
    onLeave(() => {
      onLeave(undefined)
      channel.tell('slots.leave', [wanted.id])
      reject(new Error('the client left while it was waiting'))
    })
    const over = () => onLeave(undefined)
    channel.ask<number>('slots.take', [wanted]).finally(over).then(resolve, reject)
  })
}

function once(act: () => void): () => void {
  let isDone = false
  return () => {
    if (!isDone) act()
    isDone = true
  }
}

const maxSpare = 8
const spareMs = 100
/** How long a worker keeps no spare slots after a recall. Recalls come more often than this while a request waits. */
const scarceMs = 1000

/**
 * Slots that a worker keeps for its next requests to the same server, because asking for one is expensive: for a tenth of a
 * second, and only while no request waits. The primary counts them as taken, and recalls them when a request has to wait.
 */
class SpareSlots {
  readonly #giveBack: (id: number) => void
  readonly #byServer = new Map<string, number[]>()
  #timer: NodeJS.Timeout | undefined
  #scarceUntilMs = 0

  constructor(giveBack: (id: number) => void) {
    this.#giveBack = giveBack
  }

  take(server: string): number | undefined {
    return this.#byServer.get(server)?.pop()
  }

  /** Keeps a slot, or gives it back. @param server key of the only server that could be meant; undefined: give it back */
  keep(server: string | undefined, id: number): void {
    const isScarce = performance.now() < this.#scarceUntilMs
    const own = (server === undefined ? undefined : this.#byServer.get(server)) ?? []
    if (server === undefined || isScarce || own.length >= maxSpare) {
      this.#giveBack(id)
      return
    }
    this.#byServer.set(server, own)
    own.push(id)
    this.#timer ??= setTimeout(() => this.#empty(), spareMs).unref()
  }

  giveUp(): void {
    this.#scarceUntilMs = performance.now() + scarceMs
    this.#empty()
  }

  #empty(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    for (const ids of this.#byServer.values()) for (const id of ids) this.#giveBack(id)
    this.#byServer.clear()
  }
}

/** What the primary answers one worker about slots. */
export interface SlotService {
  readonly handlers: Handlers
  /** Frees what a worker that died held, and forgets what it waited for. */
  release(): void
}

/** A slot that a worker waits for or holds. */
interface Held {
  left: boolean
  onLeave: (() => void) | undefined
  slot: Slot | undefined
}

/** Events that all workers must hear of. */
export interface SlotEvents {
  /** The models of a server have changed; `key` is what `slots.forgotten` takes. */
  onForget(upstream: Upstream, key: string): void
  /** A request has to wait: spare slots must come back. */
  onWait(): void
}

/**
 * Makes the answers to one worker.
 * @param upstreams those of the policy in force
 */
export function serveSlots(
  fleet: Pick<Fleet, 'slot' | 'tell' | 'waiting'>,
  upstreams: () => readonly Upstream[],
  { onForget, onWait }: SlotEvents,
): SlotService {
  const held = new Map<number, Held>()
  const find = (key: string) => upstreams().find((upstream) => keyOf(upstream) === key)
  const leave = (id: number) => {
    const found = held.get(id)
    held.delete(id)
    if (!found) return
    found.left = true
    found.onLeave?.()
    found.slot?.release()
  }
  return {
    handlers: {
      'slots.take': (wanted: Wanted) => {
        const taken = take(wanted, fleet, find, held)
        if (fleet.waiting > 0) onWait()
        return taken
      },
      'slots.leave': leave,
      'slots.tell': (key: string, verdict: Verdict, latencyMs: number) => {
        const upstream = find(key)
        if (upstream) fleet.tell(upstream, verdict, latencyMs)
      },
      'slots.forget': (key: string) => {
        const upstream = find(key)
        if (upstream) onForget(upstream, key)
      },
    },
    release() {
      for (const id of [...held.keys()]) leave(id)
    },
  }
}

/** @returns which of the servers; -1 if the policy in force has none of them any more */
async function take(
  { id, upstreams: keys, target, owner, queue }: Wanted,
  fleet: Pick<Fleet, 'slot'>,
  find: (key: string) => Upstream | undefined,
  held: Map<number, Held>,
): Promise<number> {
  const known = keys.map(find)
  const [first, ...others] = known.filter((each) => each !== undefined)
  if (!first) return -1
  const entry: Held = { left: false, onLeave: undefined, slot: undefined }
  held.set(id, entry)
  try {
    const slot = await fleet.slot({
      target: { ...target, upstreams: [first, ...others] },
      tried: new Set(),
      owner,
      queue,
      left: () => entry.left,
      onLeave: (listener) => {
        entry.onLeave = listener
      },
    })
    // The client may have left in the same turn.
    if (entry.left) slot.release()
    else entry.slot = slot
    return known.indexOf(slot.upstream)
  } catch (error) {
    held.delete(id)
    throw error
  }
}
