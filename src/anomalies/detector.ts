/** Notices what is unusual of keys and models: observations go in, anomalies come out of the tick. */
import type { Anomaly, Learning } from './anomaly.ts'
import type { Observation } from './observation.ts'
import { Quantiles } from './quantiles.ts'

export type { Anomaly, AnomalyKind, Learning, Subject } from './anomaly.ts'

/** What the detector starts from. */
export interface DetectorOptions {
  /** False alarms a week that the operator puts up with, over the whole gateway. */
  readonly perWeek: number
  readonly nowMs: number
  /** What `state()` returned; anything else starts anew, and `startedAnew` says so. */
  readonly state?: unknown
}

const windowMs = 600_000
const learningHours = 168
const learningRequests = 200

interface KeyBaseline {
  readonly firstMs: number
  requests: number
  window: number
  inWindow: number
  readonly rates: Quantiles
  open: Anomaly | undefined
}

/** Keeps the baselines, and what is open. */
export class AnomalyDetector {
  /** True if a state was given that could not be used. */
  readonly startedAnew: boolean
  #perWeek: number
  readonly #keys = new Map<string, KeyBaseline>()
  #changed: Anomaly[] = []
  readonly #over: Anomaly[] = []

  constructor({ perWeek, state }: DetectorOptions) {
    this.#perWeek = perWeek
    this.startedAnew = state !== undefined
  }

  /** Takes another budget. */
  configure({ perWeek }: { readonly perWeek: number }): void {
    this.#perWeek = perWeek
  }

  /** Counts a finished request. */
  observe(seen: Observation): void {
    if (seen.key === null) return
    const window = Math.floor(seen.atMs / windowMs)
    let key = this.#keys.get(seen.key)
    if (key === undefined) {
      key = { firstMs: seen.atMs, requests: 0, window, inWindow: 0, rates: new Quantiles(), open: undefined }
      this.#keys.set(seen.key, key)
    }
    if (window !== key.window) {
      key.rates.add(key.inWindow)
      key.window = window
      key.inWindow = 0
    }
    key.requests++
    key.inWindow++
  }

  /** Judges what was observed. @returns what began or ended since the last call */
  tick(nowMs: number): readonly Anomaly[] {
    for (const [id, key] of this.#keys) {
      if (this.#learns(key, nowMs)) continue
      const limit = key.rates.quantile(0.999) * (2 + 1 / this.#perWeek)
      const odd = Math.floor(nowMs / windowMs) === key.window && key.inWindow > limit
      if (odd && key.open === undefined) this.#begin(id, key, nowMs, limit)
      else if (!odd && key.open !== undefined) this.#end(key, nowMs)
    }
    const changed = this.#changed
    this.#changed = []
    return changed
  }

  #begin(id: string, key: KeyBaseline, nowMs: number, limit: number): void {
    key.open = {
      id: `${nowMs.toString(36)}-${id}`,
      kind: 'request-rate',
      subject: { kind: 'key', id },
      sinceMs: key.window * windowMs,
      atMs: nowMs,
      usual: `up to ${key.rates.quantile(0.99).toFixed(0)} requests in ten minutes`,
      now: `${key.inWindow} requests in ten minutes`,
      score: key.inWindow / limit,
      records: [],
      state: 'open',
    }
    this.#changed.push(key.open)
  }

  #end(key: KeyBaseline, nowMs: number): void {
    if (key.open === undefined) return
    const over: Anomaly = { ...key.open, atMs: nowMs, state: 'over' }
    key.open = undefined
    this.#over.push(over)
    if (this.#over.length > 100) this.#over.shift()
    this.#changed.push(over)
  }

  /** What is open, and the last hundred that are over. */
  list(): readonly Anomaly[] {
    return [...[...this.#keys.values()].flatMap(({ open }) => open ?? []), ...this.#over]
  }

  /** Whom anomalies are not told of yet. */
  learning(): readonly Learning[] {
    const now = Math.max(0, ...[...this.#keys.values()].map(({ window }) => (window + 1) * windowMs))
    return [...this.#keys]
      .filter(([, key]) => this.#learns(key, now))
      .map(([id, { firstMs, requests }]) => ({
        subject: { kind: 'key' as const, id },
        hours: Math.floor((now - firstMs) / 3_600_000),
        requests,
        untilHours: learningHours,
        untilRequests: learningRequests,
      }))
  }

  #learns(key: KeyBaseline, nowMs: number): boolean {
    return nowMs - key.firstMs < learningHours * 3_600_000 || key.requests < learningRequests
  }

  /** Everything that is kept, as JSON. */
  state(): unknown {
    return { version: 1 }
  }
}
