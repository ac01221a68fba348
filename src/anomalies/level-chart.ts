/**
 * The size of something: lengths, times, distances, by their logarithms. Window means are standardised by the variance
 * between windows and within them, so that neither a busy window nor a day of long questions counts too much, and go into
 * a CUSUM. Its limit is the larger of theory (independent normal means) and of what the CUSUM usually reaches.
 */
import { type Chart, type Closing, type SavedChart, shown, type Verdict } from './chart.ts'
import { allowance, compressed, cusum, cusumLimit, ewma } from './control-charts.ts'
import { Excursion } from './excursion.ts'
import { enoughValues, SeenValues } from './seen-values.ts'
import { heaviestOfSums } from './tail.ts'

/** How a chart tells what it saw. */
export interface LevelWords {
  /** e.g. "characters of an answer" */
  readonly unit: string
  /** Of values that are relative to something, so that only their ratio can be told: e.g. "as long as usual". */
  readonly relative?: string
  /** Which way is unusual. */
  readonly direction: 1 | -1
}

/** Values are summed as integers of this part of a logarithm: sums are exact, and do not depend on the order. */
const grain = 1024
/** Windows over which the mean moves. */
const memory = 1500
/** Evidence of one window counts in full up to three standard deviations. */
const knee = 3
/** Less of a change than this is no anomaly, however certain. */
const leastChange = Math.log(1.5)
/** Further than this from the reference is told, however slowly it came about. */
const driftChange = Math.log(2)
const leastVariance = 0.01

/** Watches one direction of a level. */
export class LevelChart implements Chart {
  readonly #words: LevelWords
  readonly #sums: SeenValues
  // The open window.
  #n = 0
  #sum = 0
  #squares = 0
  #openedMs = 0
  // The usual: windows seen, mean, variance between windows, variance within.
  #windows = 0
  #mean = 0
  #between = 0.04
  #within = 0.5
  #reference = Number.NaN
  // The evidence: the CUSUM, since when, and what was seen since.
  #cusum = 0
  #sinceMs = 0
  #sinceN = 0
  #sinceSum = 0
  #excursion = new Excursion()

  constructor(words: LevelWords, nowMs: number, saved?: SavedChart) {
    this.#words = words
    this.#sums = SeenValues.from(saved?.values, nowMs, heaviestOfSums)
    this.#openedMs = nowMs
    if (saved !== undefined) this.#restore(saved.numbers)
  }

  /** Adds a value above 0. */
  add(value: number): void {
    const log = Math.round(Math.log(value) * grain)
    this.#n++
    this.#sum += log
    this.#squares += log * log
  }

  /** The mean logarithm; undefined while too little was seen. */
  get level(): number | undefined {
    return this.#windows < 20 ? undefined : this.#mean
  }

  #openMean(): number {
    return this.#sum / this.#n / grain
  }

  /** How far the open window is from usual, in standard deviations, in the direction that is watched. */
  #distance(): number {
    const variance = Math.max(leastVariance, this.#between + this.#within / this.#n)
    return ((this.#openMean() - this.#mean) / Math.sqrt(variance)) * this.#words.direction
  }

  #next(): number {
    if (this.#n === 0) return this.#cusum
    return cusum(this.#cusum, compressed(this.#distance() - allowance, knee))
  }

  judge(rate: number): Verdict | undefined {
    const sum = this.#next()
    if (sum < 4 || this.#windows < enoughValues || !this.#sums.isKnown) return undefined
    const limit = Math.max(cusumLimit(rate, allowance), this.#sums.limit(rate))
    if (sum < limit) return undefined
    const mean = (this.#sinceSum + this.#sum) / (this.#sinceN + this.#n) / grain
    if ((mean - this.#mean) * this.#words.direction < leastChange) return undefined
    const sinceMs = this.#cusum > 0 ? this.#sinceMs : this.#openedMs
    return this.#told(sum / limit, mean, this.#mean, sinceMs)
  }

  #told(score: number, mean: number, usually: number, sinceMs: number): Verdict {
    const { unit, relative } = this.#words
    if (relative !== undefined) {
      const times = shown(Math.exp(mean - usually))
      return { score, sinceMs, usual: `${unit} ${relative}`, now: `${unit} ${times} times ${relative}` }
    }
    const spread = 2 * Math.sqrt(this.#within + this.#between)
    const [low, high] = [Math.exp(usually - spread), Math.exp(usually + spread)]
    const usual = `${shown(Math.exp(usually))} ${unit} (mostly ${shown(low)} to ${shown(high)})`
    return { score, sinceMs, usual, now: `${shown(Math.exp(mean))} ${unit}` }
  }

  drift(nowMs: number): Verdict | undefined {
    if (this.#windows < enoughValues) return undefined
    if (Number.isNaN(this.#reference)) this.#reference = this.#mean
    const change = (this.#mean - this.#reference) * this.#words.direction
    if (change <= driftChange) return undefined
    const verdict = this.#told(change / driftChange, this.#mean, this.#reference, nowMs)
    this.#reference = this.#mean
    return verdict
  }

  close({ nowMs, learns }: Closing): void {
    if (this.#n > 0) {
      const next = this.#next()
      this.#since(next)
      this.#cusum = next
      if (learns) {
        if (this.#windows >= enoughValues / 2) this.#excursion.follow(next, this.#sums, nowMs)
        this.#learn()
      }
    }
    this.#n = 0
    this.#sum = 0
    this.#squares = 0
    this.#openedMs = nowMs
  }

  #since(next: number): void {
    if (this.#cusum === 0 || next === 0) {
      this.#sinceN = 0
      this.#sinceSum = 0
      this.#sinceMs = this.#openedMs
    }
    if (next === 0) return
    this.#sinceN += this.#n
    this.#sinceSum += this.#sum
  }

  /** Moves mean and variances; what lies beyond three standard deviations counts as if it lay there. */
  #learn(): void {
    const open = this.#openMean()
    this.#windows = Math.min(memory, this.#windows + 1)
    const weight = 1 / this.#windows
    const scale = Math.sqrt(Math.max(leastVariance, this.#between + this.#within / this.#n))
    const deviation =
      this.#windows < 20 ? open - this.#mean : Math.max(-3 * scale, Math.min(3 * scale, open - this.#mean))
    this.#mean = ewma(this.#mean, this.#mean + deviation, weight)
    if (this.#windows < 3) return
    this.#between = Math.max(0, ewma(this.#between, deviation ** 2 - this.#within / this.#n, weight))
    if (this.#n < 2) return
    const within = Math.max(0, (this.#squares / grain / grain - this.#n * open ** 2) / (this.#n - 1))
    this.#within = ewma(this.#within, Math.min(within, 9 * this.#within + 0.1), weight)
  }

  settle(): void {
    this.#excursion.end(this.#sums, this.#openedMs)
    this.#cusum = 0
    this.#sinceN = 0
    this.#sinceSum = 0
  }

  adopt(nowMs: number): void {
    this.settle()
    this.#sums.restart(nowMs)
    this.#windows = 0
    this.#reference = Number.NaN
  }

  save(): SavedChart {
    const window = [this.#n, this.#sum, this.#squares, this.#openedMs]
    const usual = [this.#windows, this.#mean, this.#between, this.#within]
    const evidence = [this.#cusum, this.#sinceMs, this.#sinceN, this.#sinceSum, ...this.#excursion.save()]
    const reference = Number.isNaN(this.#reference) ? [] : [this.#reference]
    return { numbers: [...window, ...usual, ...evidence, ...reference], values: this.#sums.save() }
  }

  #restore(numbers: readonly number[]): void {
    ;[this.#n = 0, this.#sum = 0, this.#squares = 0, this.#openedMs = 0] = numbers
    ;[this.#windows = 0, this.#mean = 0, this.#between = 0, this.#within = 0] = numbers.slice(4)
    ;[this.#cusum = 0, this.#sinceMs = 0, this.#sinceN = 0, this.#sinceSum = 0] = numbers.slice(8)
    this.#excursion = new Excursion(numbers.slice(12))
    this.#reference = numbers[14] ?? Number.NaN
  }
}
