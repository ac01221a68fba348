/**
 * How many requests are of some sort: refused, refusing, with findings. A CUSUM of log-likelihood ratios (Page, 1954)
 * against a share with three times the odds, or a third. Requests of one window are not independent, so evidence of a
 * window counts in full only at first.
 */
import { type Chart, type Closing, type SavedChart, shownShare, type Verdict } from './chart.ts'
import { compressed, cusum, ewma, logLikelihoodRatio } from './control-charts.ts'
import { Excursion } from './excursion.ts'
import { enoughValues, SeenValues } from './seen-values.ts'
import { heaviestOfSums } from './tail.ts'

/** How a chart tells what it saw. */
export interface ShareWords {
  /** e.g. "of requests are refused" */
  readonly what: string
  /** Which way is unusual. */
  readonly direction: 1 | -1
}

/** The change of odds that the chart is tuned to. */
const odds = 3
const leastStep = 0.02
/** Less of a change than this is no anomaly, however certain. */
const leastFactor = { up: 2, down: 4 }
const knee = 3
/** Requests over which the usual share moves. */
const memory = 20_000
const driftOdds = 4
const leastDrift = 0.03

/** Watches one direction of a share. */
export class ShareChart implements Chart {
  readonly #words: ShareWords
  readonly #sums: SeenValues
  #yes = 0
  #n = 0
  #openedMs: number
  #windows = 0
  #seen = 0
  #share = 0
  #reference = Number.NaN
  #cusum = 0
  #sinceMs = 0
  #sinceYes = 0
  #sinceN = 0
  #excursion = new Excursion()

  constructor(words: ShareWords, nowMs: number, saved?: SavedChart) {
    this.#words = words
    this.#sums = SeenValues.from(saved?.values, nowMs, heaviestOfSums)
    this.#openedMs = nowMs
    if (saved !== undefined) this.#restore(saved.numbers)
  }

  /** Adds 1 for a request of this sort, 0 for another. */
  add(value: number): void {
    this.#n++
    this.#yes += value
  }

  /** The usual share, never 0 nor 1: Jeffreys' estimate (Brown, Cai and DasGupta, 2001). */
  #usual(): number {
    const usual = (this.#share * this.#seen + 0.5) / (this.#seen + 1)
    return Math.min(0.95, Math.max(1e-4, usual))
  }

  #evidence(): number {
    const usual = this.#usual()
    const shifted =
      this.#words.direction > 0
        ? Math.max(times(usual, odds), Math.min(usual + leastStep, 0.99))
        : times(usual, 1 / odds)
    return logLikelihoodRatio(this.#yes, this.#n, usual, shifted)
  }

  #next(): number {
    return this.#n === 0 ? this.#cusum : cusum(this.#cusum, compressed(this.#evidence(), knee))
  }

  judge(rate: number): Verdict | undefined {
    const sum = this.#next()
    if (sum < 4 || this.#windows < enoughValues || !this.#sums.isKnown) return undefined
    // A CUSUM of log-likelihood ratios exceeds h at most every exp(h) values (Lorden, 1971).
    const limit = Math.max(Math.log(1 / rate), this.#sums.limit(rate))
    if (sum < limit) return undefined
    const now = (this.#sinceYes + this.#yes) / (this.#sinceN + this.#n)
    if (!this.#isLarge(now)) return undefined
    return this.#told(sum / limit, now, this.#usual(), this.#cusum > 0 ? this.#sinceMs : this.#openedMs)
  }

  #isLarge(now: number): boolean {
    const usual = this.#usual()
    return this.#words.direction > 0
      ? now - leastStep >= usual * leastFactor.up
      : now * leastFactor.down <= usual
  }

  #told(score: number, now: number, usually: number, sinceMs: number): Verdict {
    const { what } = this.#words
    return { score, sinceMs, usual: `${shownShare(usually)} ${what}`, now: `${shownShare(now)} ${what}` }
  }

  drift(nowMs: number): Verdict | undefined {
    if (this.#windows < enoughValues || this.#seen < 200) return undefined
    const usual = this.#usual()
    if (Number.isNaN(this.#reference)) this.#reference = usual
    const up = this.#words.direction > 0
    const limit = up
      ? Math.max(times(this.#reference, driftOdds), this.#reference + leastDrift)
      : Math.min(times(this.#reference, 1 / driftOdds), this.#reference - leastDrift)
    if (up ? usual <= limit : usual >= limit) return undefined
    const verdict = this.#told(up ? usual / limit : limit / usual, usual, this.#reference, nowMs)
    this.#reference = usual
    return verdict
  }

  close({ nowMs, learns }: Closing): void {
    if (this.#n > 0) {
      const next = this.#next()
      if (this.#cusum === 0 || next === 0) {
        this.#sinceYes = 0
        this.#sinceN = 0
        this.#sinceMs = this.#openedMs
      }
      if (next > 0) {
        this.#sinceYes += this.#yes
        this.#sinceN += this.#n
      }
      this.#cusum = next
      if (learns) this.#learn(nowMs)
    }
    this.#yes = 0
    this.#n = 0
    this.#openedMs = nowMs
  }

  #learn(nowMs: number): void {
    this.#windows = Math.min(enoughValues, this.#windows + 1)
    if (this.#windows >= enoughValues / 2) this.#excursion.follow(this.#cusum, this.#sums, nowMs)
    this.#seen = Math.min(memory, this.#seen + this.#n)
    this.#share = ewma(this.#share, this.#yes / this.#n, Math.min(1, this.#n / this.#seen))
  }

  settle(): void {
    this.#excursion.end(this.#sums, this.#openedMs)
    this.#cusum = 0
    this.#sinceYes = 0
    this.#sinceN = 0
  }

  adopt(nowMs: number): void {
    this.settle()
    this.#sums.restart(nowMs)
    this.#windows = 0
    this.#seen = 0
    this.#share = 0
    this.#reference = Number.NaN
  }

  save(): SavedChart {
    const window = [this.#yes, this.#n, this.#openedMs]
    const usual = [this.#windows, this.#seen, this.#share]
    const evidence = [this.#cusum, this.#sinceMs, this.#sinceYes, this.#sinceN, ...this.#excursion.save()]
    const reference = Number.isNaN(this.#reference) ? [] : [this.#reference]
    return { numbers: [...window, ...usual, ...evidence, ...reference], values: this.#sums.save() }
  }

  #restore(numbers: readonly number[]): void {
    ;[this.#yes = 0, this.#n = 0, this.#openedMs = 0] = numbers
    ;[this.#windows = 0, this.#seen = 0, this.#share = 0] = numbers.slice(3)
    ;[this.#cusum = 0, this.#sinceMs = 0, this.#sinceYes = 0, this.#sinceN = 0] = numbers.slice(6)
    this.#excursion = new Excursion(numbers.slice(10))
    this.#reference = numbers[12] ?? Number.NaN
  }
}

/** The share whose odds are those of another one, times a factor. */
function times(share: number, factor: number): number {
  return (share * factor) / (1 - share + share * factor)
}
