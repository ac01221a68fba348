/**
 * Runs the property over many bodies. Case `i` of a run is the first case of the run with seed `seed + i`, so a
 * failure is repeated with `npm run fuzz -- --cases 1 --seed <its seed>`.
 */
import type { JsonObject, JsonValue } from '../../src/core/json.ts'
import { serverKinds } from '../../src/core/servers.ts'
import { type Exchange, features } from '../../src/dialects/dialect.ts'
import { fullRequests } from '../dialects/full-requests.ts'
import { bodyFor, valuesIn } from './bodies.ts'
import { check, ordersFor, type Setting, Violation } from './property.ts'
import { Random } from './random.ts'
import { shrink } from './shrink.ts'

export interface Target {
  readonly dialect: string
  readonly endpoint: Exchange
  /** Instead of the route's in `full-requests.ts`. */
  readonly full?: JsonObject
}

export interface Tally {
  accepted: number
  refused: number
}

export interface Failure {
  readonly seed: number
  readonly path: string
  readonly server: string
  readonly message: string
  /** The smallest body found that breaks the same rule; bad UTF-8 is shown as U+FFFD. */
  readonly body: string
}

interface Prepared extends Target {
  readonly full: JsonObject
  readonly pool: readonly JsonValue[]
  readonly known: JsonObject
}

export function createRun(targets: readonly Target[]) {
  const prepared = targets.map(prepare)
  return {
    /** @returns the first failure, if there is one; counts by dialect and path are added to `tallies` */
    run(cases: number, seed: number, tallies: Map<string, Tally>): Failure | undefined {
      for (let index = 0; index < cases; index++) {
        const failure = one(prepared, (seed + index) >>> 0, tallies)
        if (failure) return failure
      }
      return undefined
    },
  }
}

function prepare({ dialect, endpoint, full: given }: Target): Prepared {
  const full = given ?? fullRequests[endpoint.serverPath ?? endpoint.path]
  if (!full) throw new Error(`test/dialects/full-requests.ts has no request for ${endpoint.path}`)
  const server = endpoint.servers?.[0] ?? 'openai'
  const { body } = endpoint.prepare(endpoint.read(structuredClone(full), new Set()), ordersFor(server, 1))
  return { dialect, endpoint, full, pool: valuesIn(full), known: { ...full, ...body } }
}

function one(prepared: readonly Prepared[], seed: number, tallies: Map<string, Tally>): Failure | undefined {
  const rng = new Random(seed)
  const { dialect, endpoint, full, pool, known } = rng.pick(prepared)
  const orders = ordersFor(rng.pick(endpoint.servers ?? serverKinds), rng.between(1, 4))
  const allowed = new Set(rng.chance(0.7) ? [] : features.filter(() => rng.chance(0.5)))
  const setting: Setting = { endpoint, orders, allowed, known }
  const body = bodyFor(rng, full, pool)
  try {
    const verdict = check(body, setting)
    const name = `${dialect} ${endpoint.path}`
    const tally = tallies.get(name) ?? { accepted: 0, refused: 0 }
    tally[verdict]++
    tallies.set(name, tally)
    return undefined
  } catch (error) {
    if (!(error instanceof Violation)) throw error
    const smallest = shrink(body, (candidate) => breaks(error.rule, candidate, setting))
    const { message } = violation(smallest, setting) ?? error
    const text = Buffer.from(smallest).toString('utf8')
    return { seed, path: endpoint.path, server: orders.server, message, body: text }
  }
}

function violation(body: Uint8Array, setting: Setting): Violation | undefined {
  try {
    check(body, setting)
    return undefined
  } catch (error) {
    if (error instanceof Violation) return error
    throw error
  }
}

function breaks(rule: string, body: Uint8Array, setting: Setting): boolean {
  return violation(body, setting)?.rule === rule
}
