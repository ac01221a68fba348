/**
 * What a model's own Modelfile sets of the parameters that caps are about, from Ollama's `/api/show`. A cap that is sent
 * in the place of a parameter that the client left out overrides the model's own value, so that has to be known.
 */
import { LRUCache } from 'lru-cache'
import type { Clock } from '../core/clock.ts'
import { isObject, type JsonValue } from '../core/json.ts'
import type { ModelParameters } from '../dialects/dialect.ts'
import type { Upstream } from '../policy/policy.ts'
import type { Ask } from './ask.ts'

const withinMs = 1_000
/** A server that did not tell, or a model whose digest nobody knows, is asked again after this. */
const againMs = 10_000
const maxModels = 1024
const nothing: ModelParameters = {}

interface KnownParameters {
  readonly digest: string | null
  /** When this must be asked again, though the digest is the same. */
  readonly untilMs: number
  readonly own: ModelParameters
}

/** Remembers what models' own files set, by the digest of the model. */
export class OwnParameters {
  readonly #known = new LRUCache<string, KnownParameters>({ max: maxModels })
  readonly #asking = new Map<string, Promise<ModelParameters>>()
  readonly #ask: Ask
  readonly #clock: Clock

  constructor(ask: Ask, clock: Clock) {
    this.#ask = ask
    this.#clock = clock
  }

  /** A promise only where the server must be asked; nothing where it does not tell in time. Never rejects. */
  of(upstream: Upstream, model: string, digest: string | null): ModelParameters | Promise<ModelParameters> {
    const known = this.#known.get(model)
    if (known && known.digest === digest && this.#clock.monotonicMs() < known.untilMs) return known.own
    const asking = this.#asking.get(model) ?? this.#learn(upstream, model, digest)
    this.#asking.set(model, asking)
    return asking
  }

  async #learn(upstream: Upstream, model: string, digest: string | null): Promise<ModelParameters> {
    const told = await this.#ask(upstream, '/api/show', withinMs, { model }).catch(() => undefined)
    const isTold = told?.status === 200
    const own = isTold ? readParameters(told.body) : nothing
    // A digest stands for its parameters, too.
    const isLasting = isTold && digest !== null
    const untilMs = isLasting ? Number.POSITIVE_INFINITY : this.#clock.monotonicMs() + againMs
    this.#asking.delete(model)
    this.#known.set(model, { digest, untilMs, own })
    return own
  }
}

/** Its `parameters` are text: a name and a value a line. */
export function readParameters(body: JsonValue | undefined): ModelParameters {
  const text = isObject(body) && typeof body.parameters === 'string' ? body.parameters : ''
  const numberOf = (name: string) => {
    const value = Number(new RegExp(`^${name}[ \\t]+(-?\\d{1,9})[ \\t]*$`, 'm').exec(text)?.[1])
    return value > 0 ? value : undefined
  }
  return { numPredict: numberOf('num_predict'), numCtx: numberOf('num_ctx') }
}
