/** What a model usually writes: the mean frequencies of trigrams, and how far an answer is from them. */
import { ewma } from './control-charts.ts'

/** Answers after which distances are told, and over which the profile moves. */
const enoughAnswers = 200
const memory = 20_000
/** Trigrams of an answer below which its frequencies are mostly chance. */
const leastGrams = 48

/** Square roots of the counts that a bucket usually has: an answer has 64 of them. */
const roots = Array.from({ length: 128 }, (_, count) => Math.sqrt(count))

/** A profile as JSON: the number of answers and the frequencies of closed windows, and the counts of the open one. */
export interface SavedProfile {
  readonly closed: readonly number[]
  readonly open: readonly number[]
}

/** Frequencies of trigrams. Adding is commutative within a window. */
export class TextProfile {
  #frequencies: number[] = []
  /** Square roots of the frequencies, which is what a distance is made of. */
  #roots: number[] = []
  #answers = 0
  #open: number[] = []
  #openAnswers = 0

  constructor(saved: SavedProfile = { closed: [], open: [] }) {
    ;[this.#answers = 0, ...this.#frequencies] = saved.closed
    ;[this.#openAnswers = 0, ...this.#open] = saved.open
    this.#roots = this.#frequencies.map(Math.sqrt)
  }

  /** Adds an answer to the open window. */
  add(grams: readonly number[]): void {
    const total = grams.reduce((sum, count) => sum + count, 0)
    if (total < leastGrams) return
    for (let at = 0; at < grams.length; at++) this.#open[at] = (this.#open[at] ?? 0) + (grams[at] ?? 0)
    this.#openAnswers++
  }

  /** The Hellinger distance (0 to 1) of an answer; undefined if it is too short, or too few answers are known. */
  distance(grams: readonly number[]): number | undefined {
    if (this.#answers < enoughAnswers) return undefined
    let total = 0
    for (const count of grams) total += count
    if (total < leastGrams) return undefined
    let overlap = 0
    for (let at = 0; at < grams.length; at++) {
      const count = grams[at] ?? 0
      if (count > 0) overlap += (roots[count] ?? Math.sqrt(count)) * (this.#roots[at] ?? 0)
    }
    return Math.max(0.01, Math.sqrt(Math.max(0, 1 - overlap / Math.sqrt(total))))
  }

  /** Ends the open window. @param learns whether its answers become usual */
  close(learns: boolean): void {
    const total = this.#open.reduce((sum, count) => sum + count, 0)
    if (learns && this.#openAnswers > 0) {
      this.#answers = Math.min(memory, this.#answers + this.#openAnswers)
      const weight = Math.min(1, this.#openAnswers / this.#answers)
      for (let at = 0; at < this.#open.length; at++)
        this.#frequencies[at] = ewma(this.#frequencies[at] ?? 0, (this.#open[at] ?? 0) / total, weight)
      this.#roots = this.#frequencies.map(Math.sqrt)
    }
    this.#open = []
    this.#openAnswers = 0
  }

  /** As JSON. */
  save(): SavedProfile {
    return { closed: [this.#answers, ...this.#frequencies], open: [this.#openAnswers, ...this.#open] }
  }
}
