/**
 * How one model server fares, as the requests tell that were brought to it: whether it is left alone, how often it
 * fails, and how soon it answers.
 */
import type { Clock } from '../core/clock.ts'
import type { OutlierDetection } from '../policy/policy.ts'

/**
 * `failed`: it answered, but with a failure, which may be the request's fault. `unreachable`: the request was not
 * taken, or broke off; another server may take it.
 */
export type Verdict = 'answered' | 'failed' | 'unreachable'

/** Requests that were answered, and how many of them with a failure. */
export interface Tally {
  readonly requests: number
  readonly failures: number
}

/** After it could not be reached once a server rests this long, after each further time twice as long. */
const firstRestMs = 1_000
const maxRestMs = 30_000
/** After which a latency counts a third, if no other came since. */
const decayMs = 30_000

/** How requests to one server went lately, and whether it is left alone. */
export class Health {
  /** Failures since the last success. */
  inARow = 0
  readonly #clock: Clock
  #rests = 0
  #restUntilMs = Number.NEGATIVE_INFINITY
  #ejections = 0
  #ejectedUntilMs = Number.NEGATIVE_INFINITY
  /** Of the interval that runs, and of the one before it. */
  #now = { requests: 0, failures: 0 }
  #before = { requests: 0, failures: 0 }
  #intervalEndsMs = Number.NEGATIVE_INFINITY
  #latencyMs: number | undefined
  #latencyAtMs = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Whether it is left alone. */
  get ejected(): boolean {
    return this.#clock.monotonicMs() < Math.max(this.#restUntilMs, this.#ejectedUntilMs)
  }

  get tally(): Tally {
    return {
      requests: this.#now.requests + this.#before.requests,
      failures: this.#now.failures + this.#before.failures,
    }
  }

  /**
   * Peak EWMA: follows a slower answer at once, a faster one by and by, and is forgotten in time, so that a server that
   * was slow is tried again. Undefined before the first answer.
   */
  get latencyMs(): number | undefined {
    return this.#latencyMs === undefined ? undefined : this.#latencyMs * this.#keptOfLatency()
  }

  answered(latencyMs: number, settings: OutlierDetection): void {
    this.#count(false, settings)
    this.inARow = 0
    this.#rests = 0
    this.#restUntilMs = Number.NEGATIVE_INFINITY
    const kept = this.#keptOfLatency()
    const before = this.#latencyMs ?? 0
    this.#latencyMs = latencyMs > before ? latencyMs : before * kept + latencyMs * (1 - kept)
    this.#latencyAtMs = this.#clock.monotonicMs()
  }

  failed(settings: OutlierDetection): void {
    this.#count(true, settings)
  }

  /** Requests that were on their way at the same time count once. */
  unreachable(): void {
    if (this.ejected) return
    const rest = Math.min(maxRestMs, firstRestMs * 2 ** this.#rests)
    this.#rests = Math.min(this.#rests + 1, 16)
    this.#restUntilMs = this.#clock.monotonicMs() + rest
  }

  /**
   * Leaves it alone, each time twice as long. What fails first after that ejects it again.
   * @returns for how long
   */
  eject({ baseMs, maxMs, intervalMs }: OutlierDetection): number {
    const ms = Math.min(maxMs, baseMs * 2 ** this.#ejections)
    this.#ejections = Math.min(this.#ejections + 1, 16)
    this.#ejectedUntilMs = this.#clock.monotonicMs() + ms
    this.#now = { requests: 0, failures: 0 }
    this.#before = { requests: 0, failures: 0 }
    this.#intervalEndsMs = this.#ejectedUntilMs + intervalMs
    return ms
  }

  #keptOfLatency(): number {
    return Math.exp((this.#latencyAtMs - this.#clock.monotonicMs()) / decayMs)
  }

  #count(failed: boolean, { intervalMs }: OutlierDetection): void {
    const nowMs = this.#clock.monotonicMs()
    if (nowMs >= this.#intervalEndsMs) {
      const over = Math.floor((nowMs - this.#intervalEndsMs) / intervalMs)
      this.#before = over < 1 ? this.#now : { requests: 0, failures: 0 }
      this.#now = { requests: 0, failures: 0 }
      // Each interval without an ejection takes one back.
      this.#ejections = Math.max(0, this.#ejections - (Number.isFinite(over) ? over + 1 : 0))
      this.#intervalEndsMs = nowMs + intervalMs
    }
    this.#now.requests++
    if (!failed) return
    this.#now.failures++
    this.inARow++
  }
}
