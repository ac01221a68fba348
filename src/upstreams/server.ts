/**
 * What the gate knows of one model server: its models, whether it answers, how much it has to do. Asked again
 * every few seconds, and at once when a model is wanted that was not there.
 */
import type { Clock } from '../core/clock.ts'
import { asRefusal, Refusal } from '../core/refusal.ts'
import { serverError } from '../dialects/common/server-errors.ts'
import type { Upstream } from '../policy/policy.ts'
import type { Ask, ServerAnswer } from './ask.ts'
import { type Catalogue, cataloguePath, readCatalogue, readLoaded } from './catalogue.ts'
import { Health } from './health.ts'
import { OwnParameters } from './own-parameters.ts'

/** A list comes from memory; a request must not wait long for what is only a precaution. */
const learnWithinMs = 1_000

/** What is known of one model server. */
export class ModelServer {
  /** As the policy in force has it: for asking, and for nothing that belongs to a request. */
  upstream: Upstream
  /** Requests that it works on for this gate. */
  inFlight = 0
  /** Undefined until it has told once. */
  catalogue: Catalogue | undefined
  /** Digests by name. */
  loaded: ReadonlyMap<string, string | null> = new Map()
  /** When it told its models last, monotonic milliseconds. */
  toldAtMs = Number.NEGATIVE_INFINITY
  /** Why it did not tell when it was asked last. */
  refusal: Refusal | undefined
  /** What requests tell of it: its list alone proves nothing. */
  readonly health: Health
  /** Of its models. */
  readonly parameters: OwnParameters
  readonly #ask: Ask
  readonly #clock: Clock
  #askedAtMs = Number.NEGATIVE_INFINITY
  #asking: Promise<void> | undefined

  constructor(upstream: Upstream, ask: Ask, clock: Clock) {
    this.upstream = upstream
    this.#ask = ask
    this.#clock = clock
    this.health = new Health(clock)
    this.parameters = new OwnParameters(ask, clock)
  }

  /** Whether it told its models when last asked, and is not being left alone. */
  get up(): boolean {
    return this.refusal === undefined && !this.health.ejected
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

  /** What is known is old: asks again, and does not take an answer that is already on its way. */
  async forget(): Promise<void> {
    await this.#asking
    await this.refresh(0)
  }

  async #learn(): Promise<void> {
    const { upstream } = this
    const [list, loaded] = await Promise.allSettled([
      this.#ask(upstream, cataloguePath[upstream.kind], learnWithinMs),
      upstream.kind === 'ollama' ? this.#ask(upstream, '/api/ps', learnWithinMs) : undefined,
    ])
    this.#askedAtMs = this.#clock.monotonicMs()
    if (loaded.status === 'fulfilled' && loaded.value?.body !== undefined)
      this.loaded = readLoaded(loaded.value.body)
    // What cannot be read changes nothing but that: what was known is better than nothing.
    if (list.status === 'fulfilled') this.refusal = this.#take(list.value)
    else {
      const refusal = asRefusal(list.reason)
      // Of a gate that cannot ask, nothing is learnt about the server.
      if (refusal.code !== 'overloaded') this.refusal = refusal
    }
  }

  #take({ status, body }: ServerAnswer): Refusal | undefined {
    if (status >= 500) return serverError(status, '')
    const catalogue =
      status === 200 && body !== undefined ? readCatalogue(this.upstream.kind, body) : undefined
    if (!catalogue) {
      const detail = `the list of models of ${this.upstream.name} cannot be read (${status})`
      return new Refusal('upstream_unavailable', { detail, retryAfterSeconds: 1 })
    }
    this.catalogue = catalogue
    this.toldAtMs = this.#askedAtMs
    return undefined
  }
}
