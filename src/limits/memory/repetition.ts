/**
 * How often the same thing came lately: of each the latest times, as many as may come in the window. One more is
 * too many while the oldest of those still counts, which is exact, and catches alternating loops as well.
 * Bounded: what came least lately is forgotten first. Lists in Redis are the same (`lua/`).
 */
import type { Repetition } from '../../policy/policy.ts'

interface Times {
  /** Oldest first. */
  readonly at: number[]
  /** When the newest stops counting. */
  untilMs: number
}

/** Times that are kept, of all things together. */
const maxTimes = 500_000

/** When things came, in milliseconds before it was saved, and for how long that counts; least lately first. */
export type SavedRepetitions = readonly (readonly [thing: string, ago: readonly number[], forMs: number])[]

/** When the same things came lately; times by a monotonic clock, in milliseconds. */
export class Repetitions {
  readonly #things = new Map<string, Times>()
  #held = 0

  /** How long until it may come once more; 0 if it may now. */
  waitMs(thing: string, { same, windowMs }: Repetition, nowMs: number): number {
    const at = this.#things.get(thing)?.at
    const oldest = at && at.length >= same ? at.at(-same) : undefined
    return oldest === undefined ? 0 : Math.max(0, oldest + windowMs - nowMs)
  }

  note(thing: string, { same, windowMs }: Repetition, nowMs: number): void {
    const times = this.#things.get(thing) ?? { at: [], untilMs: 0 }
    this.#things.delete(thing)
    this.#things.set(thing, times)
    times.at.push(nowMs)
    times.untilMs = nowMs + windowMs
    const surplus = Math.max(0, times.at.length - same)
    times.at.splice(0, surplus)
    this.#held += 1 - surplus
    this.#forget(nowMs)
  }

  /** Takes the latest time back. */
  unnote(thing: string): void {
    if (this.#things.get(thing)?.at.pop() !== undefined) this.#held--
  }

  save(nowMs: number): SavedRepetitions {
    return [...this.#things]
      .filter(([, { untilMs }]) => untilMs > nowMs)
      .map(([thing, { at, untilMs }]) => [thing, at.map((each) => nowMs - each), untilMs - nowMs])
  }

  restore(nowMs: number, saved: SavedRepetitions): void {
    for (const [thing, ago, forMs] of saved) {
      this.#held += ago.length - (this.#things.get(thing)?.at.length ?? 0)
      this.#things.set(thing, { at: ago.map((each) => nowMs - each), untilMs: nowMs + forMs })
    }
    this.#forget(nowMs)
  }

  /** What does not count any more, as far as it stands at the front, and what is too much. */
  #forget(nowMs: number): void {
    for (const [thing, { at, untilMs }] of this.#things) {
      if (untilMs > nowMs && this.#held <= maxTimes) return
      this.#things.delete(thing)
      this.#held -= at.length
    }
  }
}
