/**
 * A line before the slots of each caller: requests over `concurrent` wait for their turn instead of being refused. The
 * first of each line tries again as soon as one of the caller's own requests is over, and now and then, because a slot
 * may come free by another caller, another gateway, or a lease that ran out.
 */
import { type Budget, type Claim, type Reservation, type Store, soonMs } from './store.ts'

/** Who wants a slot. */
export interface Waiting {
  /** Whose line it is. */
  readonly owner: string
  /** How many may wait in it. */
  readonly max: number
  readonly waitMs: number
  /** Of one try: each is a question of its own, for which nobody else waits. */
  readonly timeoutMs: number
  /** Whether nobody wants the slot any more; `onLeave` tells it once when it comes to that. */
  left(): boolean
  onLeave(listener: (() => void) | undefined): void
}

export interface Turns {
  /** As the store's own, but waits while too many run. @throws whatever the store throws; an Error if `onLeave` told */
  reserve(claim: Claim, budget: Budget, waiting: Waiting): Promise<Reservation>
  /** One of this owner's requests is over: whoever may have its slot tries. */
  freed(owner: string): void
  readonly waiting: number
}

const tryEveryMs = 200
/** In all lines together. */
const maxWaiting = 1024

/** Of other owners, that are called when a slot they may share comes free. */
const maxCalled = 16

interface Place {
  /** Whether it waits for a slot that owners share. */
  readonly isShared: boolean
  /** Time to try, if it is the first of its line. */
  call(): void
}

export function createTurns(store: Pick<Store, 'reserve'>): Turns {
  const lines = new Map<string, Place[]>()
  let size = 0

  const callFirst = (owner: string) => lines.get(owner)?.[0]?.call()

  /**
   * A slot that owners share goes to those who were passed over for longest, or an owner with a line would hand its slots
   * on to itself for ever.
   */
  const freed = (owner: string) => {
    const others: string[] = []
    for (const [other, [first]] of lines) {
      if (other !== owner && first?.isShared) others.push(other)
      if (others.length === maxCalled) break
    }
    for (const other of others) callFirst(other)
    callFirst(owner)
  }

  /** Behind all others. */
  const served = (owner: string) => {
    const line = lines.get(owner)
    if (!line) return
    lines.delete(owner)
    lines.set(owner, line)
  }

  const leave = (owner: string, place: Place) => {
    const line = lines.get(owner)
    const at = line?.indexOf(place) ?? -1
    if (!line || at === -1) return
    line.splice(at, 1)
    size--
    if (line.length === 0) lines.delete(owner)
    else if (at === 0) callFirst(owner)
  }

  /** Until something may have changed, or the wait is over. */
  const pause = (place: Place, isFirst: () => boolean, leftMs: number, waiting: Waiting) =>
    new Promise<void>((resolve, reject) => {
      const over = (end: () => void) => {
        clearTimeout(timer)
        waiting.onLeave(undefined)
        place.call = () => {}
        end()
      }
      const timer = setTimeout(() => over(resolve), isFirst() ? Math.min(tryEveryMs, leftMs) : leftMs)
      place.call = () => over(resolve)
      if (waiting.left()) over(() => reject(new Error('the client left while it waited for its turn')))
      else
        waiting.onLeave(() => over(() => reject(new Error('the client left while it waited for its turn'))))
    })

  const waitInLine = async (claim: Claim, full: Reservation, waiting: Waiting): Promise<Reservation> => {
    const { owner, max, waitMs, timeoutMs } = waiting
    const line = lines.get(owner) ?? []
    if (line.length >= max || size >= maxWaiting) return full
    lines.set(owner, line)
    const isShared = claim.accounts.some(
      ({ account, limits }) => account.scope !== 'key' && limits.concurrent !== undefined,
    )
    const place: Place = { isShared, call() {} }
    line.push(place)
    size++
    const isFirst = () => line[0] === place
    const untilMs = performance.now() + waitMs
    try {
      for (;;) {
        const leftMs = untilMs - performance.now()
        if (leftMs <= 0) return full
        await pause(place, isFirst, leftMs, waiting)
        if (!isFirst()) continue
        const reservation = await store.reserve(claim, { leftMs: timeoutMs })
        if (reservation.outcome === 'concurrent') continue
        served(owner)
        return reservation
      }
    } finally {
      leave(owner, place)
    }
  }

  return {
    async reserve(claim, budget, waiting) {
      const full: Reservation = {
        outcome: 'concurrent',
        tokens: undefined,
        requests: undefined,
        retryMs: soonMs,
        local: false,
      }
      // Nobody overtakes those who wait already.
      if (lines.has(waiting.owner)) return waitInLine(claim, full, waiting)
      const reservation = await store.reserve(claim, budget)
      return reservation.outcome === 'concurrent' ? waitInLine(claim, reservation, waiting) : reservation
    },
    freed,
    get waiting() {
      return size
    },
  }
}
