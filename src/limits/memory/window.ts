/**
 * A sliding window of counts, in steps of a sixtieth of its length.
 *
 * It always counts the current step and the sixty before it. Two uses less than a window apart are at most
 * sixty steps apart, so no more than the limit ever passes in any window; in return a use is forgotten up to
 * one step late. Memory is 61 numbers once it is used, whatever the limit.
 */
import { stepsPerWindow } from '../store.ts'

const slots = stepsPerWindow + 1

/** What counts within a time that ends; times by a monotonic clock, in milliseconds. */
export interface CountWindow {
  /** Everything that still counts. */
  total(nowMs: number): number
  add(nowMs: number, count: number): void
  /** How long until at least `count` of what counts now is forgotten; Infinity if there is less than that. */
  untilFreed(nowMs: number, count: number): number
  /** How long until everything that counts now is forgotten. */
  untilEmpty(nowMs: number): number
}

/** What a window counts: how many steps ago, and how much. */
export type SavedWindow = readonly (readonly [back: number, count: number])[]

/** One sliding window. */
export class SlidingWindow implements CountWindow {
  readonly #stepMs: number
  /** Made for the first use: most accounts use few of their windows. */
  #counts: Float64Array | undefined
  #step = 0
  #total = 0

  constructor(lengthMs: number) {
    this.#stepMs = lengthMs / stepsPerWindow
  }

  /** Everything that still counts at `nowMs`. */
  total(nowMs: number): number {
    this.#advance(nowMs)
    return this.#total
  }

  add(nowMs: number, count: number): void {
    this.#advance(nowMs)
    const slot = this.#step % slots
    this.#counts ??= new Float64Array(slots)
    this.#counts[slot] = (this.#counts[slot] ?? 0) + count
    this.#total += count
  }

  /** Forgets one count of the step in which it was made. @returns whether it still counted */
  takeBack(nowMs: number, atMs: number): boolean {
    this.#advance(nowMs)
    const step = Math.floor(atMs / this.#stepMs)
    const slot = step % slots
    const count = this.#counts?.[slot] ?? 0
    if (!this.#counts || step > this.#step || step < this.#step - stepsPerWindow || count < 1) return false
    this.#counts[slot] = count - 1
    this.#total--
    return true
  }

  /** Returns what counts now: how many steps ago, and how much. */
  save(nowMs: number): SavedWindow {
    this.#advance(nowMs)
    const saved: [back: number, count: number][] = []
    for (let back = 0; back < slots; back++) {
      const count = this.#counts?.[(this.#step - back + slots) % slots] ?? 0
      if (count > 0) saved.push([back, count])
    }
    return saved
  }

  /** Counts what was saved by another clock, besides what counts here. */
  restore(nowMs: number, saved: SavedWindow): void {
    if (saved.length === 0) return
    this.#advance(nowMs)
    this.#counts ??= new Float64Array(slots)
    for (const [back, count] of saved) {
      const slot = (this.#step - Math.min(back, stepsPerWindow) + slots) % slots
      this.#counts[slot] = (this.#counts[slot] ?? 0) + count
      this.#total += count
    }
  }

  clear(): void {
    this.#counts?.fill(0)
    this.#total = 0
  }

  /** Milliseconds until at least `count` of what counts now is forgotten; Infinity if there is less than that. */
  untilFreed(nowMs: number, count: number): number {
    this.#advance(nowMs)
    if (count <= 0) return 0
    let freed = 0
    for (let step = Math.max(0, this.#step - stepsPerWindow); step <= this.#step; step++) {
      freed += this.#counts?.[step % slots] ?? 0
      if (freed >= count) return (step + slots) * this.#stepMs - nowMs
    }
    return Number.POSITIVE_INFINITY
  }

  /** Milliseconds until everything that counts now is forgotten. The newest count decides, and is found at once. */
  untilEmpty(nowMs: number): number {
    this.#advance(nowMs)
    for (let back = 0; back < slots; back++)
      if ((this.#counts?.[(this.#step - back + slots) % slots] ?? 0) > 0)
        return (this.#step - back + slots) * this.#stepMs - nowMs
    return 0
  }

  #advance(nowMs: number): void {
    const step = Math.floor(nowMs / this.#stepMs)
    if (step <= this.#step) return
    const passed = this.#counts ? Math.min(step - this.#step, slots) : 0
    for (let k = 1; k <= passed; k++) {
      const slot = (step - passed + k) % slots
      this.#total -= this.#counts?.[slot] ?? 0
      if (this.#counts) this.#counts[slot] = 0
    }
    this.#step = step
  }
}
