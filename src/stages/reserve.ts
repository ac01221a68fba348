/**
 * Stage 8: tokens and a slot are set aside before the model works, at the most the request can cost; what it
 * really cost is settled afterwards.
 */
import { Refusal } from '../core/refusal.ts'
import type { Text } from '../core/text.ts'
import type { Prompt, RouteGroup } from '../dialects/dialect.ts'
import type { Claim, Store } from '../limits/store.ts'
import { wholeSeconds } from './admit.ts'
import type { Call, Inspected, Reserved } from './exchange.ts'

/** Longer than a request may take, so that only a gateway that died lets one run out. */
const leaseGraceMs = 60_000
const bytesPerToken = 4
const tokensPerText = 4
const tokensPerImage = 768

export function createReserve(store: Store) {
  return async (inspected: Inspected): Promise<Reserved> => {
    const { caller, endpoint, outgoing } = inspected.call
    const { arrival, identity, role } = caller
    const { policy } = arrival.snapshot
    const { tokensPerMinute, tokensPerDay, concurrent } = role.limits
    const limited = (tokensPerMinute ?? tokensPerDay ?? concurrent) !== undefined
    if (endpoint.cost !== 'request' || !limited)
      return { inspected, claim: undefined, reservation: undefined }
    const claim: Claim = {
      subject: identity.id,
      lease: arrival.lease,
      tokens: inputTokens(inspected.call) + outgoing.outputTokens,
      tokensPerMinute,
      tokensPerDay,
      concurrent,
      leaseMs: policy.timeouts.totalMs + leaseGraceMs,
    }
    const most = Math.min(
      tokensPerMinute ?? Number.POSITIVE_INFINITY,
      tokensPerDay ?? Number.POSITIVE_INFINITY,
    )
    if (claim.tokens > most)
      throw new Refusal('invalid_request', {
        say: `The request may cost ${claim.tokens} tokens, more than this key's whole limit of ${most}.`,
      })
    const reservation = await store.reserve(claim, arrival.budget)
    const granted = reservation.outcome === 'granted' ? claim : undefined
    return { inspected, claim: granted, reservation }
  }
}

/** @throws Refusal `tokens_exhausted` or `too_many_concurrent` */
export function requireReserved({ reservation }: Reserved): void {
  if (!reservation || reservation.outcome === 'granted') return
  const code = reservation.outcome === 'tokens' ? 'tokens_exhausted' : 'too_many_concurrent'
  throw new Refusal(code, { retryAfterSeconds: wholeSeconds(reservation.retryMs) })
}

/** Whose texts have a context each. */
const each: ReadonlySet<RouteGroup> = new Set(['embeddings', 'rerank'])

/** What the prompt may cost: never more than fits into the context. */
export function inputTokens({ prompt, endpoint, caller }: Call): number {
  const { contextTokens } = caller.role.caps
  if (each.has(endpoint.group))
    return sum(prompt.texts.map((text) => Math.min(textTokens(text), contextTokens)))
  return Math.min(promptTokens(prompt), contextTokens)
}

/** An estimate: four bytes are a token in most languages' worst case of English and code. */
export function promptTokens({ texts, counts }: Prompt): number {
  return sum(texts.map(textTokens)) + counts.images * tokensPerImage
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}

function textTokens({ text }: Text): number {
  return Math.ceil(Buffer.byteLength(text) / bytesPerToken) + tokensPerText
}
