/** What a policy would have done otherwise, summed up by role, key and rule, with an example each. Bounded. */
import type { RecordedRequest } from './recorded-request.ts'

/** Requests that are judged otherwise for one reason. */
export interface Change {
  /** With which it is refused now, or was refused then. */
  readonly code: string
  readonly role: string
  /** The id of the caller. */
  readonly key: string
  readonly name: string
  /** What of the policy refuses: a group of routes, a model, a tool, signatures. */
  readonly rule: string
  count: number
  /** The id of the first of them. */
  readonly example: string
}

/** How another policy judges a request, beside what became of it. */
export type Comparison =
  | { readonly kind: 'same' }
  /** It was let through. */
  | { readonly kind: 'nowRefused'; readonly code: string; readonly rule: string }
  /** It was refused with this code. */
  | { readonly kind: 'nowAllowed'; readonly code: string; readonly rule: string }
  | { readonly kind: 'unknown'; readonly why: string }

/** What judging a log by another policy has shown. */
export interface ReplayReport {
  /** Of these it is certain what the policy would have done. */
  readonly judged: number
  readonly unknown: number
  /** Of the judged ones: those whose texts are masked, so that the masked texts were judged. */
  readonly masked: number
  readonly nowRefused: readonly Change[]
  readonly nowAllowed: readonly Change[]
  /** Why requests are unknown, the most frequent reason first. */
  readonly unknownBecause: readonly {
    readonly why: string
    readonly count: number
    readonly example: string
  }[]
  /** What is taken to be as it was, for all of them. */
  readonly notJudged: readonly string[]
}

/** What is not asked, because it is no rule about a request or depends on the moment. */
export const notJudged: readonly string[] = [
  'limits, budgets and the circuit breaker',
  'freezes, approvals, and rights that a token lacks',
  'versions of models (`models.require`) and of tools (`models.tools`)',
  'bodies, sizes and features, where the policy that judged them is not the one in force',
]

/** Changes of a kind that are told apart; the others are counted together. */
const maxChanges = 1000
const others = '…'

/** Sums up what a policy does otherwise. */
export class ReplaySummary {
  #judged = 0
  #unknown = 0
  #masked = 0
  readonly #refused = new Map<string, Change>()
  readonly #allowed = new Map<string, Change>()
  readonly #reasons = new Map<string, { why: string; count: number; example: string }>()

  /** Requests looked at so far. */
  get requests(): number {
    return this.#judged + this.#unknown
  }

  /** Counts one request. */
  add(request: RecordedRequest, comparison: Comparison): void {
    if (comparison.kind === 'unknown') {
      this.#unknown++
      this.#noteReason(request, comparison.why)
      return
    }
    this.#judged++
    if (request.isMasked) this.#masked++
    if (comparison.kind === 'nowRefused') note(this.#refused, request, comparison)
    if (comparison.kind === 'nowAllowed') note(this.#allowed, request, comparison)
  }

  #noteReason({ id }: RecordedRequest, why: string): void {
    const known = this.#reasons.get(why)
    if (known) known.count++
    else if (this.#reasons.size < maxChanges) this.#reasons.set(why, { why, count: 1, example: id })
  }

  /** @returns the largest of each list first */
  result(): ReplayReport {
    const largest = <T extends { readonly count: number }>(of: Iterable<T>) =>
      [...of].toSorted((a, b) => b.count - a.count)
    return {
      judged: this.#judged,
      unknown: this.#unknown,
      masked: this.#masked,
      nowRefused: largest(this.#refused.values()),
      nowAllowed: largest(this.#allowed.values()),
      unknownBecause: largest(this.#reasons.values()),
      notJudged,
    }
  }
}

function note(
  changes: Map<string, Change>,
  { id, identity }: RecordedRequest,
  { code, rule }: { readonly code: string; readonly rule: string },
): void {
  const { role = '', id: key = '', name = '' } = identity ?? {}
  const place = JSON.stringify([code, role, key, rule])
  const isFull = changes.size >= maxChanges && !changes.has(place)
  const known = changes.get(isFull ? code : place)
  if (known) known.count++
  else if (isFull)
    changes.set(code, { code, role: others, key: others, name: others, rule: others, count: 1, example: id })
  else changes.set(place, { code, role, key, name, rule, count: 1, example: id })
}
