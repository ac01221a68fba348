/**
 * A circuit breaker: open after too many actions in a minute, for a time that doubles from one opening to the
 * next; then half open, which lets one request through. If that one behaves, the breaker is closed.
 * `lua/breaker.lua` is the same for Redis.
 */
import { coolDownMs, forgetOpeningsMs, maxCoolDownMs, soonMs } from '../store.ts'

interface Trial {
  readonly lease: string
  untilMs: number
}

/** A breaker that is not forgotten yet; times in milliseconds from when it was saved. */
export interface SavedBreaker {
  readonly openings: number
  readonly coolDownMs: number
  /** Absent: closed. */
  readonly openForMs?: number
  /** Absent: never. */
  readonly closedForMs?: number
}

/** One circuit breaker; times by a monotonic clock, in milliseconds. */
export class BreakerState {
  #openings = 0
  #coolDownMs = 0
  /** Undefined: closed. */
  #openUntilMs: number | undefined
  #closedAtMs = Number.NEGATIVE_INFINITY
  #trial: Trial | undefined

  get isOpen(): boolean {
    return this.#openUntilMs !== undefined
  }

  /** Whether forgetting it would change nothing. */
  isForgettable(nowMs: number): boolean {
    return !this.isOpen && this.#isForgotten(nowMs)
  }

  /** How long a request must wait; 0 if it may go, of an open breaker as its trial. */
  waitMs(nowMs: number): number {
    if (this.#openUntilMs === undefined) return 0
    if (nowMs < this.#openUntilMs) return this.#openUntilMs - nowMs
    return this.#trial && nowMs < this.#trial.untilMs ? soonMs : 0
  }

  /** Until an open one lets a trial through. */
  openMs(nowMs: number): number {
    return Math.max(0, (this.#openUntilMs ?? nowMs) - nowMs)
  }

  /** @returns for how long */
  open(nowMs: number): number {
    this.#openings = this.#isForgotten(nowMs) ? 1 : this.#openings + 1
    this.#coolDownMs = Math.min(coolDownMs * 2 ** (this.#openings - 1), maxCoolDownMs)
    this.#openUntilMs = nowMs + this.#coolDownMs
    this.#trial = undefined
    return this.#coolDownMs
  }

  try(lease: string, untilMs: number): void {
    this.#trial = { lease, untilMs }
  }

  renewTrial(lease: string, untilMs: number): void {
    if (this.#trial?.lease === lease) this.#trial.untilMs = untilMs
  }

  /** The trial is over: passed, or refused before it could show anything, which lets another one try. */
  endTrial(lease: string, passed: boolean, nowMs: number): void {
    if (this.#trial?.lease !== lease) return
    this.#trial = undefined
    if (passed) this.#close(nowMs)
  }

  /** Without its trial: whoever goes on with it lets another request try. @returns undefined if there is nothing to tell */
  save(nowMs: number): SavedBreaker | undefined {
    if (this.isForgettable(nowMs)) return undefined
    return {
      openings: this.#openings,
      coolDownMs: this.#coolDownMs,
      ...(this.#openUntilMs === undefined ? {} : { openForMs: this.#openUntilMs - nowMs }),
      ...(Number.isFinite(this.#closedAtMs) ? { closedForMs: nowMs - this.#closedAtMs } : {}),
    }
  }

  restore(nowMs: number, { openings, coolDownMs: waitMs, openForMs, closedForMs }: SavedBreaker): void {
    this.#openings = openings
    this.#coolDownMs = waitMs
    this.#openUntilMs = openForMs === undefined ? undefined : nowMs + openForMs
    this.#closedAtMs = closedForMs === undefined ? Number.NEGATIVE_INFINITY : nowMs - closedForMs
  }

  /** By hand: as if nothing had been. */
  reset(): void {
    this.#openUntilMs = undefined
    this.#trial = undefined
    this.#openings = 0
    this.#closedAtMs = Number.NEGATIVE_INFINITY
  }

  #close(nowMs: number): void {
    this.#openUntilMs = undefined
    this.#closedAtMs = nowMs
  }

  #isForgotten(nowMs: number): boolean {
    return !this.isOpen && nowMs - this.#closedAtMs > Math.max(forgetOpeningsMs, this.#coolDownMs)
  }
}
