/**
 * A line before the slots of each caller: requests over `concurrent` wait for their turn instead of being refused. The
 * first of each line tries again as soon as one of the caller's own requests is over, and five times a second, because a
 * slot may come free by another caller, another gateway, or a lease that ran out.
 */
import { type Budget, type Claim, type Reservation, type Store, soonMs } from './store.ts'

/** How a request waits for a slot. */
export interface SlotWait {
  /** Whose line it is. */
  readonly owner: string
  /** The key behind it: whoever holds that can invent persons, of which each has a line. */
  readonly key: string
  /** How many may wait in it. */
  readonly max: number
  readonly waitMs: number
  /** The time of one try: each is a question of its own, for which nothing else waits. */
  readonly timeoutMs: number
  /** Whether the client has left; `onLeave` tells it once when it does. */
  left(): boolean
  onLeave(listener: (() => void) | undefined): void
}

/** The lines of requests that wait for slots. */
export interface SlotQueue {
  /**
   * Reserves as the store does, but waits while too many run.
   * @param ask asks the store for the first time, where not with `reserve`; not called where the owner has a line
   * @throws whatever the store throws, and an Error when the client leaves
   */
  reserve(
    claim: Claim,
    budget: Budget,
    waiting: SlotWait,
    ask?: () => Promise<Reservation>,
  ): Promise<Reservation>
  /** Tells whether requests of this owner wait, so that another one would have to. */
  hasLine(owner: string): boolean
  /** Tells that one of this owner's requests is over: whoever may have its slot tries. */
  freed(owner: string): void
  /** How many requests wait. */
  readonly waiting: number
}

const tryEveryMs = 200
/** In all lines together. */
const maxWaiting = 1024
/** In all lines of one key, so that it cannot take the places of the others. */
const maxOfKey = 256

/** How many other owners are called when a slot comes free that they may share. */
const maxCalled = 16

/** A request in a line. */
interface QueuedClaim {
  /** Whether it waits for a slot that owners share. */
  readonly isShared: boolean
  /** Makes it try, if it is the first of its line. */
  call(): void
}

/** Makes the lines before a store's slots. */
export function createSlotQueue(store: Pick<Store, 'reserve'>): SlotQueue {
  return new Lines(store)
}

class Lines implements SlotQueue {
  readonly #store: Pick<Store, 'reserve'>
  readonly #lines = new Map<string, QueuedClaim[]>()
  /** How many of each key wait. */
  readonly #ofKey = new Map<string, number>()
  #size = 0

  constructor(store: Pick<Store, 'reserve'>) {
    this.#store = store
  }

  get waiting(): number {
    return this.#size
  }

  hasLine(owner: string): boolean {
    return this.#lines.has(owner)
  }

  async reserve(
    claim: Claim,
    budget: Budget,
    waiting: SlotWait,
    ask = () => this.#store.reserve(claim, budget),
  ): Promise<Reservation> {
    const full: Reservation = {
      outcome: 'concurrent',
      tokens: undefined,
      requests: undefined,
      retryMs: soonMs,
      local: false,
    }
    // Nobody overtakes those who wait already.
    if (this.#lines.has(waiting.owner)) return this.#waitInLine(claim, full, waiting)
    const reservation = await ask()
    return reservation.outcome === 'concurrent' ? this.#waitInLine(claim, reservation, waiting) : reservation
  }

  /**
   * A slot that owners share goes to those who were passed over for longest, or an owner with a line would hand its slots
   * on to itself for ever.
   */
  freed(owner: string): void {
    const others: string[] = []
    for (const [other, [first]] of this.#lines) {
      if (other !== owner && first?.isShared) others.push(other)
      if (others.length === maxCalled) break
    }
    for (const other of others) this.#callFirst(other)
    this.#callFirst(owner)
  }

  #callFirst(owner: string): void {
    this.#lines.get(owner)?.[0]?.call()
  }

  async #waitInLine(claim: Claim, full: Reservation, waiting: SlotWait): Promise<Reservation> {
    const { owner, key, max, waitMs, timeoutMs } = waiting
    const line = this.#lines.get(owner) ?? []
    const ofKey = this.#ofKey.get(key) ?? 0
    if (line.length >= max || ofKey >= Math.max(max, maxOfKey) || this.#size >= maxWaiting) return full
    this.#lines.set(owner, line)
    const own = claim.accounts.some(({ account }) => account.scope === 'person') ? 'person' : 'key'
    const isShared = claim.accounts.some(
      ({ account, limits }) => account.scope !== own && limits.concurrent !== undefined,
    )
    const queued: QueuedClaim = { isShared, call() {} }
    line.push(queued)
    this.#ofKey.set(key, ofKey + 1)
    this.#size++
    const isFirst = () => line[0] === queued
    const untilMs = performance.now() + waitMs
    try {
      for (;;) {
        const leftMs = untilMs - performance.now()
        if (leftMs <= 0) return full
        await pause(queued, isFirst() ? Math.min(tryEveryMs, leftMs) : leftMs, waiting)
        if (!isFirst()) continue
        const reservation = await this.#store.reserve(claim, { leftMs: timeoutMs })
        if (reservation.outcome === 'concurrent') continue
        this.#moveBehind(owner)
        return reservation
      }
    } finally {
      this.#leave(waiting, queued)
    }
  }

  /** An owner that was served goes behind all others. */
  #moveBehind(owner: string): void {
    const line = this.#lines.get(owner)
    if (!line) return
    this.#lines.delete(owner)
    this.#lines.set(owner, line)
  }

  #leave({ owner, key }: SlotWait, queued: QueuedClaim): void {
    const line = this.#lines.get(owner)
    const at = line?.indexOf(queued) ?? -1
    if (!line || at === -1) return
    line.splice(at, 1)
    const left = (this.#ofKey.get(key) ?? 1) - 1
    if (left === 0) this.#ofKey.delete(key)
    else this.#ofKey.set(key, left)
    this.#size--
    if (line.length === 0) this.#lines.delete(owner)
    else if (at === 0) this.#callFirst(owner)
  }
}

/** Resolves when it is called, or after `ms`. @throws an Error when the client leaves */
function pause(queued: QueuedClaim, ms: number, waiting: SlotWait): Promise<void> {
  return new Promise((resolve, reject) => {
    const over = (end: () => void) => {
      clearTimeout(timer)
      waiting.onLeave(undefined)
      queued.call = () => {}
      end()
    }
    const left = () => over(() => reject(new Error('the client left while it waited for its turn')))
    const timer = setTimeout(() => over(resolve), ms)
    queued.call = () => over(resolve)
    if (waiting.left()) left()
    else waiting.onLeave(left)
  })
}
