/**
 * The way of a CUSUM from zero and back. Its peak counts among the usual values only when it is back: what is still rising
 * would otherwise raise its own limit, and never reach it.
 */
import type { SeenValues } from './seen-values.ts'

/** Follows a CUSUM. */
export class Excursion {
  #peak: number
  #windows: number

  constructor([peak = 0, windows = 0]: readonly number[] = []) {
    this.#peak = peak
    this.#windows = windows
  }

  /** Takes the sum of a closed window. An excursion counts once for each of its windows, with its peak. */
  follow(sum: number, values: SeenValues, nowMs: number): void {
    if (sum > 0) {
      this.#peak = Math.max(this.#peak, sum)
      this.#windows++
      return
    }
    values.add(this.#peak, nowMs, this.#windows + 1)
    this.forget()
  }

  /** Ends an excursion that was told as an anomaly. It counts as well: most of what is told is false, and nothing else says so. */
  end(values: SeenValues, nowMs: number): void {
    if (this.#windows > 0) values.add(this.#peak, nowMs, this.#windows)
    this.forget()
  }

  /** Lets what has happened so far count for nothing. */
  forget(): void {
    this.#peak = 0
    this.#windows = 0
  }

  /** As JSON. */
  save(): readonly [peak: number, windows: number] {
    return [this.#peak, this.#windows]
  }
}
