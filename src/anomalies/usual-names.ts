/** Which scripts and languages a subject usually gets. */

/** Below this share of all answers a name is unusual. */
const usualShare = 0.02
/** Answers before anything is unusual, and after which old ones count half. */
const enough = 100
const memory = 20_000
const maxNames = 16

/** Counts as JSON: of closed windows, and of the open one. */
export interface SavedNames {
  readonly closed: readonly (readonly [name: string, count: number])[]
  readonly open: readonly (readonly [name: string, count: number])[]
}

/** Counts names. Adding is commutative within a window. */
export class UsualNames {
  readonly #closed: Map<string, number>
  readonly #open: Map<string, number>
  #total: number

  constructor(saved: SavedNames = { closed: [], open: [] }) {
    this.#closed = new Map(saved.closed)
    this.#open = new Map(saved.open)
    this.#total = saved.closed.reduce((sum, [, count]) => sum + count, 0)
  }

  /** Adds to the open window. */
  add(name: string): void {
    const count = this.#open.get(name)
    if (count !== undefined || this.#open.size < maxNames) this.#open.set(name, (count ?? 0) + 1)
  }

  /** Tells whether a name was rare before the open window. */
  isUnusual(name: string): boolean {
    return this.#total >= enough && (this.#closed.get(name) ?? 0) < usualShare * this.#total
  }

  /** Ends the open window. */
  close(): void {
    for (const [name, count] of this.#open) {
      const before = this.#closed.get(name)
      if (before === undefined && this.#closed.size >= maxNames) continue
      this.#closed.set(name, (before ?? 0) + count)
      this.#total += count
    }
    if (this.#open.size > 0) this.#open.clear()
    if (this.#total < memory) return
    this.#total = 0
    for (const [name, count] of this.#closed) {
      const half = count / 2
      if (half < 1) this.#closed.delete(name)
      else this.#closed.set(name, half)
      this.#total += half < 1 ? 0 : half
    }
  }

  /** As JSON. */
  save(): SavedNames {
    return { closed: [...this.#closed], open: [...this.#open] }
  }
}
