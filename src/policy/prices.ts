/** The price list, and which price applies to a model. */
import { modelMatcher } from '../models/match.ts'
import { parsePattern } from '../models/name.ts'
import { modelFault } from './model-fault.ts'
import type { Policy } from './policy.ts'
import type { Price } from './price.ts'
import type { Config } from './schema/schema.ts'
import type { Report } from './source.ts'

/** Compiles `prices`, in the order of the file. Reports names that no local model can have. */
export function compilePrices(config: Config['prices'], report: Report): Price[] {
  return Object.entries(config).flatMap(([pattern, { input, output }]) => {
    if (parsePattern(pattern)) return [{ matches: modelMatcher([pattern]), input, output }]
    report(['prices', pattern], modelFault(pattern))
    return []
  })
}

/** Returns what finds the first price whose pattern matches a model, for records of a policy's servers. */
export function pricesOf({
  prices,
  upstreams,
}: Pick<Policy, 'prices' | 'upstreams'>): (model: string, upstream: string | null) => Price | undefined {
  const kinds = new Map(upstreams.map(({ name, kind }) => [name, kind]))
  return (model, upstream) => {
    // Of a server that the policy no longer has, names are compared as they are.
    const kind = kinds.get(upstream ?? '') ?? 'openai'
    return prices.find(({ matches }) => matches(model, kind))
  }
}
