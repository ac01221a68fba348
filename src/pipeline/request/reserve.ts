/**
 * Stage 7: tokens and a slot are set aside before anything is scanned and the model works, at the most the request can
 * cost; what it really cost is settled afterwards.
 */

import { holderOf } from '../../auth/identity.ts'
import type { Clock } from '../../core/clock.ts'
import { Refusal } from '../../core/refusal.ts'
import type { Text } from '../../core/text.ts'
import type { Prompt, RouteGroup } from '../../dialects/dialect.ts'
import { claimedAccounts, keyAccount, wholeTokenLimit } from '../../limits/accounts.ts'
import type { Turns } from '../../limits/slot-queue.ts'
import type { Claim } from '../../limits/store.ts'
import type { Call, Reserved } from '../context.ts'
import type { PrintPrompt } from '../finish/fingerprint.ts'
import { saySharedBy, wholeSeconds } from './admit.ts'

const tokensPerText = 4
const tokensPerImage = 768

export function createReserve(turns: Turns, printPrompt: PrintPrompt, clock: Clock) {
  return async (call: Call): Promise<Reserved> => {
    const { caller, endpoint, outgoing, target } = call
    const { incoming, identity, role } = caller
    const { policy } = incoming.snapshot
    const nothing = { claim: undefined, reservation: undefined, weight: 1, waitedMs: 0 }
    if (endpoint.cost !== 'request') return nothing
    const rule = policy.models.find(({ matches }) => matches(target.model, target.server))
    const weight = rule?.weight ?? 1
    const account = keyAccount(holderOf(identity))
    const accounts = claimedAccounts(account, role, rule, policy)
    const print = role.limits.repetition && printPrompt(call)
    const repetition =
      role.limits.repetition && print !== undefined
        ? { account, limit: role.limits.repetition, things: [print] }
        : undefined
    if (accounts.length === 0 && !repetition) return { ...nothing, weight }
    const tokens = weighted(inputTokens(call) + outgoing.outputTokens, weight)
    const claim: Claim = { lease: incoming.lease, tokens, accounts, repetition }
    const max = wholeTokenLimit(accounts)
    if (tokens > max)
      throw new Refusal('invalid_request', {
        say:
          `The request may use ${tokens} tokens, more than the whole limit of ${max}. Ask for a shorter response, ` +
          'or ask the operator to raise `tokensPerMinute` or `tokensPerDay`, or to lower `caps.outputTokens`.',
      })
    const { cancellation } = incoming
    const sinceMs = clock.monotonicMs()
    const reservation = await turns
      .reserve(claim, incoming.budget, {
        owner: holderOf(identity),
        max: role.limits.waiting,
        waitMs: policy.queue.waitMs,
        timeoutMs: policy.store.timeoutMs,
        left: () => cancellation.over,
        onLeave: cancellation.onEnd.bind(cancellation),
      })
      .catch((thrown: unknown) => {
        throw cancellation.refusal ?? thrown
      })
    const granted = reservation.outcome === 'granted' ? claim : undefined
    return { claim: granted, reservation, weight, waitedMs: clock.monotonicMs() - sinceMs }
  }
}

const codes = {
  requests: 'rate_limited',
  tokens: 'tokens_exhausted',
  concurrent: 'too_many_concurrent',
  repetition: 'repetition',
} as const

/** @throws Refusal `rate_limited`, `tokens_exhausted`, `too_many_concurrent` or `repetition` */
export function requireReserved({ reservation }: Reserved): void {
  if (!reservation || reservation.outcome === 'granted') return
  const { outcome, retryMs, tokens, requests } = reservation
  throw new Refusal(codes[outcome], {
    // It was not let through, so that it does not count against the next one.
    retryAfterSeconds: wholeSeconds(retryMs),
    ...(outcome === 'requests' ? saySharedBy(requests?.scope, 'Too many requests') : {}),
    ...(outcome === 'tokens' ? saySharedBy(tokens?.scope, 'Too many tokens') : {}),
  })
}

const bytesPerToken = 4

/** Four bytes are a token in most languages' worst case of English and code. */
export function estimatedTokens(bytes: number): number {
  return Math.ceil(bytes / bytesPerToken)
}

/** What tokens of a model count in limits: whole ones, at least as many. */
export function weighted(tokens: number, weight: number): number {
  return Math.ceil(tokens * weight)
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

/** An estimate. */
export function promptTokens({ texts, counts }: Prompt): number {
  return sum(texts.map(textTokens)) + counts.images * tokensPerImage
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}

function textTokens({ text }: Text): number {
  return estimatedTokens(Buffer.byteLength(text)) + tokensPerText
}
