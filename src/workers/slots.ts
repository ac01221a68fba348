/**
 * Places at model servers for several workers: the primary gives them out and keeps the queue, so that `concurrent` and
 * `queue` hold for all workers together, and its fleet knows of every failure. Which servers have a model each worker
 * learns for itself.
 */
import { Refusal } from '../core/refusal.ts'
import type { Upstream } from '../policy/policy.ts'
import type { Fleet, Slot, SlotRequest, Target } from '../upstreams/fleet.ts'
import type { Verdict } from '../upstreams/health.ts'
import type { Channel, Handlers } from './channel.ts'

/** What a worker asks: servers that the request may use, by their keys, in the order of its policy. */
interface Wanted {
  readonly id: number
  readonly upstreams: readonly string[]
  readonly target: Omit<Target, 'upstreams'>
  readonly owner: string
  readonly queue: SlotRequest['queue']
}

/** What is known of a server is kept by its address and kind. */
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
  let lastId = 0
  const askFor = ({ target, tried, owner, queue, left, onLeave }: SlotRequest): Promise<Slot> => {
    if (left()) return Promise.reject(new Error('the client left'))
    const id = ++lastId
    const { upstreams, ...rest } = target
    const untried = upstreams.filter((upstream) => !tried.has(upstream))
    const wanted: Wanted = { id, upstreams: untried.map(keyOf), target: rest, owner, queue }
    const leave = () => channel.tell('slots.leave', [id])
    return new Promise((resolve, reject) => {
      onLeave(() => {
        onLeave(undefined)
        leave()
        reject(new Error('the client left while it was waiting'))
      })
      channel.ask<number>('slots.take', [wanted]).then(
        (index) => {
          onLeave(undefined)
          const upstream = untried[index]
          if (upstream) resolve({ upstream, release: once(leave) })
          else reject(new Refusal('upstream_unavailable', { retryAfterSeconds: 1 }))
        },
        (error: unknown) => {
          onLeave(undefined)
          reject(error)
        },
      )
    })
  }
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
    close: () => local.close(),
  }
}

function once(act: () => void): () => void {
  let isDone = false
  return () => {
    if (!isDone) act()
    isDone = true
  }
}

/** What the primary answers one worker about places. */
export interface SlotService {
  readonly handlers: Handlers
  /** Frees what the worker holds, and forgets what it waits for: it is gone. */
  release(): void
}

/** A question for a place, or the place. */
interface Held {
  left: boolean
  onLeave: (() => void) | undefined
  slot: Slot | undefined
}

/**
 * Makes the answers to one worker.
 * @param upstreams those of the policy in force
 * @param onForget told of a server whose models have changed, and its key: all workers must forget them
 */
export function serveSlots(
  fleet: Pick<Fleet, 'slot' | 'tell'>,
  upstreams: () => readonly Upstream[],
  onForget: (upstream: Upstream, key: string) => void,
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
      'slots.take': (wanted: Wanted) => take(wanted, fleet, find, held),
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
    // It may have left in the same turn.
    if (entry.left) slot.release()
    else entry.slot = slot
    return known.indexOf(slot.upstream)
  } catch (error) {
    held.delete(id)
    throw error
  }
}
