/**
 * Quantiles of a stream, by DDSketch (Masson, Rim and Lee, VLDB 2019): relative error 5 %. Values are held between 0.05 and
 * 1e9, so a sketch has at most 237 bins; most have fewer than 96.
 */
import { DDSketch } from '@datadog/sketches-js'

/** Relative error of a quantile. */
export const relativeAccuracy = 0.05
const smallest = 0.05
const largest = 1e9
/** Bins that a sketch grows by. The package's 128 would be most of what a baseline takes. */
const chunkSize = 16
/** What is the same in all sketches, once. No value is negative. */
const { mapping, negativeStore } = new DDSketch({ relativeAccuracy })

/** A sketch as JSON: the count of zeros, the first bin, then the counts of all bins from there. */
export type SavedQuantiles = readonly number[]

/** Counts values, and tells their quantiles. */
export class Quantiles {
  readonly #sketch = new DDSketch({ relativeAccuracy })

  constructor() {
    this.#sketch.mapping = mapping
    this.#sketch.negativeStore = negativeStore
    this.#sketch.store.chunkSize = chunkSize
  }

  /** Adds a value, so many times; what is below 0.05 counts as 0. */
  add(value: number, times = 1): void {
    this.#sketch.accept(value < smallest ? 0 : Math.min(value, largest), times)
  }

  /** How many values were added. */
  get count(): number {
    return this.#sketch.count
  }

  /** Estimates the value that the share `q` of all values does not exceed; 0 without values. */
  quantile(q: number): number {
    return this.#sketch.count === 0 ? 0 : this.#sketch.getValueAtQuantile(q)
  }

  /** The sketch as JSON. The package's own form needs `protobufjs`, which it does not depend on, and loses the limit of bins. */
  save(): SavedQuantiles {
    const { zeroCount, store } = this.#sketch
    if (store.count === 0) return [zeroCount]
    const from = store.minKey - store.offset
    return [zeroCount, store.minKey, ...store.bins.slice(from, store.maxKey - store.offset + 1)]
  }

  /** Restores a sketch; what it tells afterwards is what the saved one told. */
  static from(saved: SavedQuantiles): Quantiles {
    const restored = new Quantiles()
    const [zeros = 0, firstKey = 0, ...bins] = saved
    if (zeros > 0) restored.#sketch.accept(0, zeros)
    for (const [at, count] of bins.entries())
      if (count > 0) restored.#sketch.accept(restored.#sketch.mapping.value(firstKey + at), count)
    return restored
  }
}
