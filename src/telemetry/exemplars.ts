/**
 * Exemplars of histograms: the newest trace of each series and bucket. Kept here and not by prom-client, which has them
 * only for all observations of a histogram and loses them where it adds up workers.
 */

/** A histogram whose observations have traces. */
export interface TracedHistogram {
  readonly name: string
  /** Upper bounds of its buckets, ascending, without the last one. */
  readonly buckets: readonly number[]
}

/** Labels of a series. */
export interface SeriesLabels {
  readonly route: string
  readonly model: string
  readonly role?: string
}

/** The trace of one observation, and in which sample of a histogram it is counted. */
export interface Exemplar {
  /** Of the sample, with `_bucket`. */
  readonly name: string
  readonly labels: SeriesLabels & { readonly le: number | '+Inf' }
  /** 32 hex digits. */
  readonly trace: string
  readonly value: number
  /** Epoch milliseconds. */
  readonly atMs: number
}

/** One observation. */
export interface Observation {
  readonly value: number
  /** In the form of W3C Trace Context, version 00. */
  readonly traceparent: string
  /** Epoch milliseconds. */
  readonly atMs: number
}

interface Series {
  readonly histogram: TracedHistogram
  readonly labels: SeriesLabels
  /** By bucket, the one without bound last. */
  readonly newest: (Observation | undefined)[]
}

/** Further series have none. */
const maxSeries = 2000

/** Keeps the exemplars of some histograms, which have names of their own here. */
export class Exemplars<Name extends string> {
  readonly #histograms: Readonly<Record<Name, TracedHistogram>>
  readonly #series = new Map<string, Series>()
  #wanted = false

  constructor(histograms: Readonly<Record<Name, TracedHistogram>>) {
    this.#histograms = histograms
  }

  /** Whether the policy wants any. */
  get wanted(): boolean {
    return this.#wanted
  }

  /** Keeps exemplars from now on, or none. */
  use(wanted: boolean): void {
    this.#wanted = wanted
    if (!wanted) this.#series.clear()
  }

  /** Takes the newest observation. */
  observe(name: Name, labels: SeriesLabels, observation: Observation): void {
    const { route, model, role } = labels
    const key = `${name}\n${route}\n${model}\n${role}`
    let series = this.#series.get(key)
    if (!series) {
      if (this.#series.size >= maxSeries) return
      series = { histogram: this.#histograms[name], labels, newest: [] }
      this.#series.set(key, series)
    }
    const { buckets } = series.histogram
    const bucket = buckets.findIndex((bound) => observation.value <= bound)
    series.newest[bucket === -1 ? buckets.length : bucket] = observation
  }

  /** Forgets series of roles that are gone. */
  keep(isRole: (name: string) => boolean): void {
    for (const [key, { labels }] of this.#series)
      if (labels.role !== undefined && !isRole(labels.role)) this.#series.delete(key)
  }

  /** Lists what is kept. */
  list(): readonly Exemplar[] {
    return [...this.#series.values()].flatMap(({ histogram: { name, buckets }, labels, newest }) =>
      newest.flatMap((observation, bucket) => {
        if (!observation) return []
        const { value, atMs, traceparent } = observation
        const le = buckets[bucket] ?? '+Inf'
        const trace = traceparent.slice(3, 35)
        return [{ name: `${name}_bucket`, labels: { le, ...labels }, trace, value, atMs }]
      }),
    )
  }
}
