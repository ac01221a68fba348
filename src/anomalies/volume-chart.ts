/** How much there is in ten minutes: requests, or tokens. The limit is what even the busiest windows of weeks do not reach. */
import { type Chart, type Closing, type SavedChart, shown, type Verdict } from './chart.ts'
import { SeenValues } from './seen-values.ts'

/** What a chart counts, in words. */
export interface VolumeWords {
  /** e.g. "requests" */
  readonly unit: string
}

/** The share of windows by which the level is told and compared with the reference. */
const levelShare = 0.95
/** A level this many times that of the reference window is told, however slowly it came about. */
const driftFactor = 3
/** Less than this much more than the limit of any week before is no anomaly. */
const leastFactor = 1.5

/** Counts, and compares with the tail of the counts before. */
export class VolumeChart implements Chart {
  readonly #words: VolumeWords
  readonly #values: SeenValues
  #open = 0
  #sinceMs = 0
  #reference = 0

  constructor(words: VolumeWords, nowMs: number, saved?: SavedChart) {
    this.#words = words
    this.#values = SeenValues.from(saved?.values, nowMs)
    if (saved !== undefined) [this.#open = 0, this.#sinceMs = 0, this.#reference = 0] = saved.numbers
  }

  add(value: number): void {
    this.#open += value
  }

  judge(rate: number): Verdict | undefined {
    if (!this.#values.isKnown) return undefined
    const largest = this.#values.quantile(1)
    if (this.#open < largest) return undefined
    const limit = Math.max(this.#values.limit(rate), largest * leastFactor, 10)
    return this.#told(this.#open / limit, this.#open, 'in ten minutes')
  }

  #told(score: number, value: number, when: string): Verdict {
    const { unit } = this.#words
    const usual = `up to ${shown(this.#values.quantile(levelShare))} ${unit} in ten minutes, ${shown(this.#values.quantile(1))} at most`
    return { score, sinceMs: this.#sinceMs, usual, now: `${shown(value)} ${unit} ${when}` }
  }

  drift(): Verdict | undefined {
    if (!this.#values.isCurrentKnown) return undefined
    const level = this.#values.quantile(levelShare)
    if (this.#reference === 0) this.#reference = level
    if (level <= driftFactor * this.#reference) return undefined
    const { unit } = this.#words
    const usual = `up to ${shown(this.#reference)} ${unit} in ten minutes when the reference was taken`
    const verdict = { ...this.#told(level / driftFactor / this.#reference, level, 'in ten minutes'), usual }
    this.#reference = level
    return verdict
  }

  close({ nowMs, learns }: Closing): void {
    if (learns && this.#open > 0) this.#values.add(this.#open, nowMs)
    this.#open = 0
    this.#sinceMs = nowMs
  }

  settle(): void {}

  adopt(nowMs: number): void {
    this.#values.restart(nowMs)
    this.#reference = 0
  }

  save(): SavedChart {
    return { numbers: [this.#open, this.#sinceMs, this.#reference], values: this.#values.save() }
  }
}
