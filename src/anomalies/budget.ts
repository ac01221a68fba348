/**
 * How many false alarms there may be. The budget of a week is divided by everything that is judged within it. Should more
 * be told than that all the same, the governor raises every limit, to twice at most, so that nothing is ever silenced.
 */

const dayMs = 86_400_000
const weekDays = 7
/** The governor looks at this many days. */
const governedDays = 28
const maxAlarms = 256
/** Before a week is over, at least so many windows are expected. */
const leastWindows = 1000
/** What the charts of a window get, and what its new networks, hours and tools. The rest is for drift, and for what no model of chance foresees. */
const shares = { charts: 0.2, names: 0.4 }
const largestStretch = 2

/** The budget as JSON. */
export interface SavedBudget {
  readonly windows: readonly number[]
  readonly day: number
  readonly alarms: readonly number[]
}

/** Divides the budget, and sees that it is kept. */
export class Budget {
  #perWeek: number
  readonly #windows: number[]
  #day: number
  #alarms: number[]

  constructor(perWeek: number, nowMs: number, saved?: SavedBudget) {
    this.#perWeek = perWeek
    this.#windows = saved === undefined ? new Array<number>(weekDays).fill(0) : [...saved.windows]
    this.#day = saved?.day ?? Math.floor(nowMs / dayMs)
    this.#alarms = [...(saved?.alarms ?? [])]
  }

  /** Takes another budget. */
  configure(perWeek: number): void {
    this.#perWeek = perWeek
  }

  /** Counts a window that is over. */
  window(nowMs: number): void {
    const day = Math.floor(nowMs / dayMs)
    for (; this.#day < day; this.#day++) {
      if (day - this.#day > weekDays) this.#day = day - weekDays
      this.#windows[(this.#day + 1) % weekDays] = 0
    }
    const at = day % weekDays
    this.#windows[at] = (this.#windows[at] ?? 0) + 1
  }

  /** Counts an anomaly that was told. */
  alarm(nowMs: number): void {
    this.#alarms.push(nowMs)
    if (this.#alarms.length > maxAlarms) this.#alarms.shift()
  }

  /** False alarms that all charts of a subject, or all its names, may raise in one window. */
  rate(of: keyof typeof shares): number {
    const windows = this.#windows.reduce((sum, count) => sum + count, 0)
    return Math.min(0.01, (this.#perWeek * shares[of]) / Math.max(leastWindows, windows))
  }

  /** What every limit is multiplied by, 1 to 2: 1 while no more is told than the budget allows. */
  stretch(nowMs: number): number {
    this.#alarms = this.#alarms.filter((at) => nowMs - at < governedDays * dayMs)
    const weekly = this.#alarms.length / (governedDays / weekDays)
    const excess = weekly / this.#perWeek
    return excess <= 1 ? 1 : Math.min(largestStretch, 1 + Math.log2(excess) / 2)
  }

  /** As JSON. */
  save(): SavedBudget {
    return { windows: this.#windows, day: this.#day, alarms: this.#alarms }
  }
}
