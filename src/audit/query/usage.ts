/**
 * What was used, from one walk over the log: requests, tokens and what they cost, by key, role, group, model, person or day.
 * Bounded: beyond so many rows the rest is summed up in one.
 */
import { type Entry, modelOf, readEntry, readSealed } from '../write/entry.ts'

/** What rows stand for. */
export const usageGroups = ['key', 'role', 'group', 'model', 'person', 'day'] as const
/** What rows stand for. */
export type UsageGroup = (typeof usageGroups)[number]

/** What one key, role, group, model, person or day has used. */
export interface Usage {
  /** Requests that reached the gateway, refused ones among them. */
  readonly requests: number
  readonly refused: number
  /** Of the refused: how many, by code. */
  readonly refusals: Readonly<Record<string, number>>
  readonly inputTokens: number
  readonly outputTokens: number
  /** How long model servers say that they worked; null if none does. */
  readonly gpuSeconds: number | null
  /** By the price list, in its currency; null if it has no price for any of it. */
  readonly cost: number | null
  /** Tokens that the price list has no price for; they are not in `cost`. */
  readonly unpricedTokens: number
}

/** Usage, with what it is of under the name of the group; requests of nobody are of null. */
export type UsageRow = Usage & { readonly [Group in UsageGroup]?: string | null }

/** Returns what reads as much of a line as such rows need. A person is in the part that may be erased. */
export function readerFor(by: UsageGroup): (line: string) => Entry | undefined {
  return by === 'person' ? readEntry : readSealed
}

/** Prices of a model, for a million tokens each. */
export interface ModelPrice {
  readonly input: number
  readonly output: number
}

/** Returns the price of the model that a request was for, if there is one. */
export type PriceOf = (model: string, upstream: string | null) => ModelPrice | undefined

const maxRows = 10_000
const others = '(others)'
const million = 1_000_000

interface Sum {
  requests: number
  refused: number
  readonly refusals: Map<string, number>
  inputTokens: number
  outputTokens: number
  gpuMs: number | undefined
  cost: number
  pricedTokens: number
}

/** Sums up usage, entry by entry. */
export class UsageTable {
  readonly #by: UsageGroup
  readonly #priceOf: PriceOf
  readonly #sums = new Map<string | null, Sum>()

  constructor(by: UsageGroup, priceOf: PriceOf) {
    this.#by = by
    this.#priceOf = priceOf
  }

  /** Takes the next entry; events are not counted. */
  add(entry: Entry): void {
    if (entry.event !== undefined) return
    const sum = this.#sumOf(nameIn(entry, this.#by))
    sum.requests++
    const { ending, usage } = entry
    if (ending?.kind === 'refused') {
      sum.refused++
      const code = ending.code ?? ''
      sum.refusals.set(code, (sum.refusals.get(code) ?? 0) + 1)
    }
    if (!usage) return
    sum.inputTokens += usage.input
    sum.outputTokens += usage.output
    if (usage.gpuMs !== undefined) sum.gpuMs = (sum.gpuMs ?? 0) + usage.gpuMs
    const price = this.#priceOf(modelOf(entry), entry.upstream ?? null)
    if (!price) return
    sum.pricedTokens += usage.input + usage.output
    sum.cost += (usage.input * price.input + usage.output * price.output) / million
  }

  /** Returns the rows, the most tokens first; days in their order. */
  result(): readonly UsageRow[] {
    const rows = [...this.#sums].map(([name, sum]): UsageRow => ({ [this.#by]: name, ...usageOf(sum) }))
    if (this.#by === 'day') return rows.toSorted((a, b) => ((a.day ?? '') < (b.day ?? '') ? -1 : 1))
    return rows.toSorted((a, b) => tokensOf(b) - tokensOf(a) || b.requests - a.requests)
  }

  #sumOf(name: string | null): Sum {
    const key = this.#sums.has(name) || this.#sums.size < maxRows ? name : others
    const known = this.#sums.get(key)
    if (known) return known
    const sum = {
      requests: 0,
      refused: 0,
      refusals: new Map(),
      inputTokens: 0,
      outputTokens: 0,
      gpuMs: undefined,
      cost: 0,
      pricedTokens: 0,
    }
    this.#sums.set(key, sum)
    return sum
  }
}

function nameIn(entry: Entry, by: UsageGroup): string | null {
  switch (by) {
    case 'key':
      // A token is used on behalf of its key.
      return entry.identity?.from?.[0] ?? entry.identity?.id ?? null
    case 'role':
      return entry.identity?.role ?? null
    case 'group':
      return typeof entry.group === 'string' ? entry.group : null
    case 'model':
      return typeof entry.model === 'string' ? null : (entry.model?.served ?? null)
    case 'person':
      return typeof entry.person === 'string' ? entry.person : null
    case 'day':
      return entry.time.slice(0, 'YYYY-MM-DD'.length)
  }
}

function usageOf({ refusals, gpuMs, cost, pricedTokens, ...sum }: Sum): Usage {
  const tokens = sum.inputTokens + sum.outputTokens
  return {
    ...sum,
    refusals: Object.fromEntries(refusals),
    gpuSeconds: gpuMs === undefined ? null : Math.round(gpuMs) / 1000,
    cost: pricedTokens > 0 || tokens === 0 ? rounded(cost) : null,
    unpricedTokens: tokens - pricedTokens,
  }
}

/** To a millionth, so that sums of floating point numbers look like money. */
function rounded(cost: number): number {
  return Math.round(cost * million) / million
}

const tokensOf = ({ inputTokens, outputTokens }: Usage) => inputTokens + outputTokens
