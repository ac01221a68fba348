/**
 * Names that a key has not used before: tools, networks. How surprising a new one is follows from how often this key and
 * all others had new ones; a developer who travels has new networks often, a server hardly ever.
 */

/**
 * How often all keys together have had new names, and in how many windows. Keys that saw little borrow from it. A key counts
 * once in twelve hours, lest one that invents names makes those of others look common.
 */
export interface Pool {
  novelties: number
  windows: number
}

/** Names as JSON. */
export interface SavedNovelty {
  readonly known: readonly (readonly [name: string, seenMs: number])[]
  readonly fresh: readonly (readonly [name: string, seenMs: number, surprise: number])[]
  readonly numbers: readonly number[]
  /** Of the open window. */
  readonly open: readonly (readonly [name: string, uses: number])[]
}

/** What is new in the open window. */
export interface Surprise {
  /** How improbable it is: the negative natural logarithm of its rate a window. */
  readonly nats: number
  readonly name: string
  readonly uses: number
}

/** Names are unlike any before for this long; what follows within it belongs to the same event. */
const freshMs = 12 * 3_600_000
/** New names of the first days tell nothing: all are new. */
const settlingMs = 72 * 3_600_000
const maxFresh = 8
/** Different names of one window that are kept. */
const maxOpen = 64
/** Windows that the pool counts as, beside a key's own. */
const poolWeight = 300
/** Windows after which old ones count half. */
const memory = 10_000

/** Knows which names are new. Adding is commutative within a window. */
export class Novelty {
  readonly #maxKnown: number
  readonly #known = new Map<string, number>()
  readonly #fresh = new Map<string, { readonly seenMs: number; readonly nats: number }>()
  readonly #open = new Map<string, number>()
  /** Windows with new names, and all windows. */
  #novelties = 0
  #windows = 0
  /** When the pool was told of a new name. */
  #pooledMs = 0

  constructor(maxKnown: number, saved?: SavedNovelty) {
    this.#maxKnown = maxKnown
    if (saved === undefined) return
    this.#known = new Map(saved.known)
    this.#fresh = new Map(saved.fresh.map(([name, seenMs, nats]) => [name, { seenMs, nats }]))
    this.#open = new Map(saved.open)
    ;[this.#novelties = 0, this.#windows = 0, this.#pooledMs = 0] = saved.numbers
  }

  /** Adds a use of a name. @returns whether it is new, or was so a short while ago */
  add(name: string): boolean {
    const uses = this.#open.get(name)
    if (uses !== undefined || this.#open.size < maxOpen) this.#open.set(name, (uses ?? 0) + 1)
    return !this.#known.has(name) || this.#fresh.has(name)
  }

  /** The most surprising name of the open window. */
  surprise(pool: Pool): Surprise | undefined {
    let most: Surprise | undefined
    for (const [name, uses] of this.#open) {
      const nats = this.#fresh.get(name)?.nats ?? (this.#known.has(name) ? 0 : this.#nats(pool))
      if (nats > 0 && (most === undefined || isMore({ nats, name, uses }, most))) most = { nats, name, uses }
    }
    return most
  }

  #nats(pool: Pool): number {
    const common = (pool.novelties + 0.5) / (pool.windows + 1)
    return -Math.log((this.#novelties + poolWeight * common) / (this.#windows + poolWeight))
  }

  /** Ends the window: its names are known from now on. @param ageMs of the key */
  close(nowMs: number, ageMs: number, pool: Pool): void {
    const settled = ageMs > settlingMs
    // Of all new names the same, so that their order tells nothing.
    const nats = this.#nats(pool)
    if (this.#fresh.size > 0)
      for (const [name, { seenMs }] of this.#fresh) if (nowMs - seenMs > freshMs) this.#fresh.delete(name)
    let hasNew = false
    for (const name of this.#open.keys()) {
      if (!this.#known.has(name) && settled) {
        if (this.#fresh.size < maxFresh) this.#fresh.set(name, { seenMs: nowMs, nats })
        hasNew = true
      }
      this.#known.set(name, nowMs)
    }
    if (hasNew) {
      this.#novelties++
      if (nowMs - this.#pooledMs >= freshMs) {
        pool.novelties++
        this.#pooledMs = nowMs
      }
    }
    while (this.#known.size > this.#maxKnown) this.#forgetEldest()
    if (this.#open.size > 0) this.#open.clear()
    if (!settled) return
    this.#windows++
    pool.windows++
    if (this.#windows < memory) return
    this.#windows /= 2
    this.#novelties /= 2
  }

  #forgetEldest(): void {
    let eldest: readonly [name: string, seenMs: number] | undefined
    for (const entry of this.#known) if (entry[1] < (eldest?.[1] ?? Number.POSITIVE_INFINITY)) eldest = entry
    if (eldest !== undefined) this.#known.delete(eldest[0])
  }

  /** How many names are known. */
  get size(): number {
    return this.#known.size
  }

  /** As JSON. */
  save(): SavedNovelty {
    const fresh = [...this.#fresh].map(([name, { seenMs, nats }]) => [name, seenMs, nats] as const)
    return {
      known: [...this.#known],
      fresh,
      numbers: [this.#novelties, this.#windows, this.#pooledMs],
      open: [...this.#open],
    }
  }
}

/** By improbability, then by uses, then by name, so that the order of observations tells nothing. */
function isMore(one: Surprise, other: Surprise): boolean {
  if (one.nats !== other.nats) return one.nats > other.nats
  return one.uses === other.uses ? one.name < other.name : one.uses > other.uses
}
