/**
 * What the gate knows of one model server: its models, whether it answers, how much it has to do. Asked again
 * every few seconds, and at once when a model is wanted that was not there.
 */
import type { Clock } from '../core/clock.ts'
import type { JsonValue } from '../core/json.ts'
import { asRefusal, type Refusal } from '../core/refusal.ts'
import { serverError } from '../dialects/server-errors.ts'
import type { Upstream } from '../policy/policy.ts'
import { type Catalogue, cataloguePath, readCatalogue, readLoaded } from './catalogue.ts'

/** Fetches a list, within so many milliseconds. @throws Refusal */
export type Ask = (upstream: Upstream, path: string, withinMs: number) => Promise<ServerAnswer>

export interface ServerAnswer {
  readonly status: number
  /** Undefined if it is no JSON. */
  readonly body: JsonValue | undefined
}

/** After a first failure a server is avoided this long, after each further one twice as long. */
const firstRestMs = 1_000
const longestRestMs = 30_000

/** A list comes from memory; a request must not wait long for what is only a precaution. */
const learnWithinMs = 1_000

export class ModelServer {
  /** As the policy in force has it. */
  upstream: Upstream
  /** Requests that it works on for this gate. */
  inFlight = 0
  /** Undefined until it has told once. */
  catalogue: Catalogue | undefined
  loaded: ReadonlySet<string> = new Set()
  /** Why the last question went unanswered. */
  refusal: Refusal | undefined
  readonly #ask: Ask
  readonly #clock: Clock
  #askedAtMs = Number.NEGATIVE_INFINITY
  #asking: Promise<void> | undefined
  #failures = 0
  #restUntilMs = Number.NEGATIVE_INFINITY

  constructor(upstream: Upstream, ask: Ask, clock: Clock) {
    this.upstream = upstream
    this.#ask = ask
    this.#clock = clock
  }

  /** Whether it answered when last asked, and has not failed since. */
  get up(): boolean {
    return this.refusal === undefined && this.#failures === 0
  }

  /** Whether it is being avoided for having failed. */
  get resting(): boolean {
    return this.#clock.monotonicMs() < this.#restUntilMs
  }

  get full(): boolean {
    return this.inFlight >= this.upstream.concurrent
  }

  /** A request could not be brought to it. */
  failed(): void {
    const rest = Math.min(longestRestMs, firstRestMs * 2 ** this.#failures)
    this.#failures = Math.min(this.#failures + 1, 16)
    this.#restUntilMs = this.#clock.monotonicMs() + rest
  }

  worked(): void {
    this.#failures = 0
    this.#restUntilMs = Number.NEGATIVE_INFINITY
  }

  /** Whether it is being asked, or was not for so long. */
  isDue(maxAgeMs: number): boolean {
    return this.#asking !== undefined || this.#clock.monotonicMs() - this.#askedAtMs >= maxAgeMs
  }

  /** Asks for its models, unless it was asked less than `maxAgeMs` ago. Never rejects. */
  async refresh(maxAgeMs: number): Promise<void> {
    if (this.#asking) return this.#asking
    if (!this.isDue(maxAgeMs)) return
    this.#asking = this.#learn()
    try {
      await this.#asking
    } finally {
      this.#asking = undefined
    }
  }

  async #learn(): Promise<void> {
    const { kind } = this.upstream
    try {
      const [list, loaded] = await Promise.all([
        this.#ask(this.upstream, cataloguePath[kind], learnWithinMs),
        kind === 'ollama' ? this.#ask(this.upstream, '/api/ps', learnWithinMs) : undefined,
      ])
      if (list.status >= 500) throw serverError(list.status, '')
      // What cannot be read changes nothing: what was known is better than nothing.
      if (list.body !== undefined) this.catalogue = readCatalogue(kind, list.body) ?? this.catalogue
      if (loaded?.body !== undefined) this.loaded = readLoaded(loaded.body)
      this.refusal = undefined
      this.worked()
    } catch (error) {
      this.refusal = asRefusal(error)
    }
    this.#askedAtMs = this.#clock.monotonicMs()
  }
}
