/**
 * The usual values of a statistic: those of the current four weeks in a sketch, and the tail of the four weeks before. The
 * limit is the larger of both, so that no new month begins without memory.
 */
import { Quantiles, type SavedQuantiles } from './quantiles.ts'
import { exceededWith, heaviestOfVolumes, type Tail, tailOf } from './tail.ts'

const generationMs = 28 * 86_400_000
/** Values without which nothing is known. */
export const enoughValues = 100

/** As JSON: the sketch, when it began, and the tail before it. */
export type SavedValues = readonly [current: SavedQuantiles, sinceMs: number, before: readonly number[]]

/** Keeps what a statistic usually is. */
export class SeenValues {
  #current: Quantiles | undefined
  readonly #heaviest: number
  #sinceMs: number
  #before: Tail | undefined

  constructor(nowMs: number, heaviest = heaviestOfVolumes) {
    this.#heaviest = heaviest
    this.#sinceMs = nowMs
  }

  /** Adds the value of a closed window, or of several. */
  add(value: number, nowMs: number, times = 1): void {
    if (nowMs - this.#sinceMs >= generationMs && this.#count >= enoughValues) this.#begin(nowMs)
    this.#current ??= new Quantiles()
    this.#current.add(value, times)
  }

  get #count(): number {
    return this.#current?.count ?? 0
  }

  #begin(nowMs: number): void {
    const current = this.#current
    if (current !== undefined)
      this.#before = tailOf((q) => current.quantile(q), current.count, this.#heaviest)
    this.#current = undefined
    this.#sinceMs = nowMs
  }

  /** Forgets everything, so that what is new is learnt. */
  restart(nowMs: number): void {
    this.#current = undefined
    this.#before = undefined
    this.#sinceMs = nowMs
  }

  /** Tells whether enough was seen for a limit. */
  get isKnown(): boolean {
    return this.#before !== undefined || this.#count >= enoughValues
  }

  /** A quantile of the current weeks; 0 if there is nothing yet. */
  quantile(q: number): number {
    return this.#current?.quantile(q) ?? this.#before?.threshold ?? 0
  }

  /** Tells whether the current weeks alone are enough for a quantile. */
  get isCurrentKnown(): boolean {
    return this.#count >= enoughValues
  }

  /** The value that is exceeded with this probability a window, by either generation. */
  limit(probability: number): number {
    const current = this.#current
    const now =
      current === undefined || current.count < enoughValues
        ? 0
        : exceededWith(
            probability,
            tailOf((q) => current.quantile(q), current.count, this.#heaviest),
          )
    return Math.max(now, this.#before === undefined ? 0 : exceededWith(probability, this.#before))
  }

  /** As JSON. */
  save(): SavedValues {
    const { count = 0, threshold = 0, scale = 0, shape = 0 } = this.#before ?? {}
    const before = this.#before === undefined ? [] : [count, threshold, scale, shape]
    return [this.#current?.save() ?? [], this.#sinceMs, before]
  }

  /** Restores what `save` returned; begins at `nowMs` where nothing was saved. */
  static from(saved: SavedValues | undefined, nowMs: number, heaviest = heaviestOfVolumes): SeenValues {
    if (saved === undefined) return new SeenValues(nowMs, heaviest)
    const [current, sinceMs, before] = saved
    const restored = new SeenValues(sinceMs, heaviest)
    if (current.length > 0) restored.#current = Quantiles.from(current)
    const [count = 0, threshold = 0, scale = 0, shape = 0] = before
    if (before.length > 0) restored.#before = { count, threshold, scale, shape }
    return restored
  }
}
