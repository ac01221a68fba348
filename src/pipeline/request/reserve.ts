/**
 * Tokens and a slot are set aside before anything is scanned and the model works, at the most the request can
 * cost; what it really cost is settled afterwards.
 */

import { holderOf } from '../../auth/identity.ts'
import type { Clock } from '../../core/clock.ts'
import { Refusal } from '../../core/refusal.ts'
import type { Text } from '../../core/text.ts'
import type { Prompt, RouteGroup } from '../../dialects/dialect.ts'
import {
  claimedAccounts,
  isShared,
  keyAccount,
  lineOf,
  onlyTaking,
  wholeTokenLimit,
} from '../../limits/accounts.ts'
import type { Persons } from '../../limits/persons.ts'
import type { SlotQueue, SlotWait } from '../../limits/slot-queue.ts'
import type { Claim, Reservation } from '../../limits/store.ts'
import { type Admitted, extend, type Parsed, type Prepared, type Reserved } from '../context.ts'
import type { FingerprintPrompt } from '../finish/fingerprint.ts'
import { shownWaitMs } from '../timeline.ts'
import { type Admit, isDeferred, saySharedBy, wholeSeconds } from './admit.ts'

const tokensPerText = 4
const tokensPerImage = 768

const nothing = { claim: undefined, reservation: undefined, weight: 1, slotWaitMs: 0 }

/**
 * Waits for a slot where that is full, and counts a request that still has to be. What it was told is in the context by the
 * time it refuses.
 * @throws Refusal `rate_limited`, `breaker_open`, `tokens_exhausted`, `too_many_concurrent`, `repetition`, `store_unavailable`;
 * `invalid_request` for what no limit could ever grant
 */
export type Reserve = (request: Prepared) => Promise<Reserved>

/** What it takes to reserve. */
export interface ReserveParts {
  readonly turns: SlotQueue
  readonly fingerprint: FingerprintPrompt
  readonly persons: Persons
  readonly clock: Clock
  readonly admit: Pick<Admit, 'andReserve' | 'deferred'>
}

/** Makes the step that sets tokens and a slot aside. */
export function createReserve({ turns, fingerprint, persons, clock, admit }: ReserveParts): Reserve {
  return async (request) => {
    const { endpoint, target, identity, role, policy } = request
    const { takes } = endpoint
    if (endpoint.cost !== 'request' && takes !== 'slot') return extend(request, nothing)
    const rule = policy.models.find(({ matches }) => matches(target.model, target.server))
    const weight = rule?.weight ?? 1
    const account = keyAccount(holderOf(identity))
    // Whoever is counted nowhere takes no place of those who are.
    const hasOwn = role.person !== undefined && role.limits.perPerson !== undefined
    const person = hasOwn ? persons.accountOf(account.name, request.person, clock.monotonicMs()) : undefined
    const claimed = claimedAccounts(account, role, rule, policy, person)
    const accounts = takes ? onlyTaking(takes, claimed) : claimed
    const limit = takes === 'slot' ? undefined : role.limits.repetition
    const print = limit && fingerprint(request)
    const repetition = limit && print !== undefined ? { account, limit, things: [print] } : undefined
    if (accounts.length === 0 && !repetition) {
      if (isDeferred(request)) await admit.deferred(request)
      return extend(request, { ...nothing, weight })
    }
    const tokens =
      takes === 'slot' ? 0 : weighted(inputTokens(request) + request.outgoing.outputTokens, weight)
    const enforced = role.observesLimits ? accounts.filter(({ account: of }) => isShared(of)) : accounts
    requirePossible(tokens, wholeTokenLimit(enforced))
    const whole: Claim = { lease: request.lease, tokens, accounts, repetition }
    const sinceMs = clock.monotonicMs()
    const answered = await claimOrObserve(whole, request, turns, admit)
    if (!answered) return extend(request, { ...nothing, weight })
    const { claim, reservation } = answered
    const granted = reservation.outcome === 'granted' ? claim : undefined
    const nowMs = clock.monotonicMs()
    const slotWaitMs = nowMs - sinceMs
    if (slotWaitMs >= shownWaitMs) request.timeline?.add('queue', sinceMs, nowMs, 'limits')
    const reserved = extend(request, { claim: granted, reservation, weight, slotWaitMs })
    requireReserved(reservation)
    return reserved
  }
}

/** @throws Refusal `invalid_request` */
function requirePossible(tokens: number, max: number): void {
  if (tokens <= max) return
  throw new Refusal('invalid_request', {
    say:
      `The request may use ${tokens} tokens, more than the whole limit of ${max}. Ask for a shorter response, ` +
      'or ask the operator to raise `tokensPerMinute`, `tokensPerDay` or `tokensPerMonth`, or to lower `caps.outputTokens`.',
  })
}

/**
 * Asks for what a request claims, and waits where its caller runs too many.
 * @param admit counts a request that still has to be; absent: it was counted
 * @throws whatever the store throws, or what ended the request while it waited
 */
async function reservationOf(
  claim: Claim,
  request: Admitted,
  turns: SlotQueue,
  admit?: Pick<Admit, 'andReserve' | 'deferred'>,
): Promise<Reservation> {
  const { cancellation, role, storeBudget } = request
  const wait = waitOf(claim, request, role.limits.waiting)
  // Whoever has to wait for a slot is counted before.
  if (admit && isDeferred(request) && turns.hasLine(wait.owner)) await admit.deferred(request)
  try {
    if (!admit || !isDeferred(request)) return await turns.reserve(claim, storeBudget, wait)
    return await turns.reserve(claim, storeBudget, wait, () => admit.andReserve(request, claim))
  } catch (thrown) {
    throw cancellation.cause ?? thrown
  }
}

function waitOf(claim: Claim, { cancellation, identity, policy }: Admitted, max: number): SlotWait {
  const key = holderOf(identity)
  return {
    ...{ owner: lineOf(key, claim), key, max },
    waitMs: policy.queue.waitMs,
    timeoutMs: policy.store.timeoutMs,
    left: () => cancellation.over,
    onLeave: cancellation.onEnd.bind(cancellation),
  }
}

/** What was claimed, and the answer; undefined: nothing is left that could refuse. */
export interface Claimed {
  readonly claim: Claim
  readonly reservation: Reservation
}

/**
 * Asks for what a request claims. For a role whose limits only observe, the whole is tried without waiting; where that would
 * be refused nothing of it is held, so that what is counted is what would have been let through, and only what others
 * share is asked for.
 * @param admit counts a request that still has to be; absent: it was counted
 * @throws whatever the store throws, or what ended the request while it waited
 */
export async function claimOrObserve(
  whole: Claim,
  request: Admitted,
  turns: SlotQueue,
  admit?: Pick<Admit, 'andReserve' | 'deferred'>,
): Promise<Claimed | undefined> {
  const { role, would, storeBudget } = request
  if (!role.observesLimits)
    return { claim: whole, reservation: await reservationOf(whole, request, turns, admit) }
  const reservation = await turns.reserve(whole, storeBudget, waitOf(whole, request, 0))
  if (reservation.outcome === 'granted') return { claim: whole, reservation }
  would.add(codes[reservation.outcome])
  const accounts = whole.accounts.filter(({ account }) => isShared(account))
  if (accounts.length === 0) return undefined
  const claim = { ...whole, accounts, repetition: undefined }
  return { claim, reservation: await reservationOf(claim, request, turns, admit) }
}

const codes = {
  requests: 'rate_limited',
  tokens: 'tokens_exhausted',
  concurrent: 'too_many_concurrent',
  repetition: 'repetition',
} as const

/** @throws Refusal `rate_limited`, `tokens_exhausted`, `too_many_concurrent` or `repetition` */
export function requireReserved(reservation: Reservation): void {
  if (reservation.outcome === 'granted') return
  const { outcome, retryMs, tokens, requests } = reservation
  throw new Refusal(codes[outcome], {
    // It was not let through, so that it does not count against the next one.
    retryAfterSeconds: wholeSeconds(retryMs),
    ...(outcome === 'requests' ? saySharedBy(requests?.scope, 'Too many requests') : {}),
    ...(outcome === 'tokens' ? saySharedBy(tokens?.scope, 'Too many tokens') : {}),
  })
}

const bytesPerToken = 4

/** Estimates tokens: four bytes are one in most languages' worst case of English and code. */
export function estimatedTokens(bytes: number): number {
  return Math.ceil(bytes / bytesPerToken)
}

/** What tokens of a model count in limits: whole ones, at least as many. */
export function weighted(tokens: number, weight: number): number {
  return Math.ceil(tokens * weight)
}

/** Whose texts have a context each. */
const each: ReadonlySet<RouteGroup> = new Set(['embeddings', 'rerank'])

/** Estimates the tokens that the prompt may cost: never more than fit into the context. */
export function inputTokens({ prompt, endpoint, role }: Parsed): number {
  const { contextTokens } = role.caps
  if (each.has(endpoint.group))
    return sum(prompt.texts.map((text) => Math.min(textTokens(text), contextTokens)))
  return Math.min(promptTokens(prompt), contextTokens)
}

/** Estimates the tokens of a prompt, however large the context is. */
export function promptTokens({ texts, counts }: Prompt): number {
  return sum(texts.map(textTokens)) + counts.images * tokensPerImage
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}

function textTokens({ text }: Text): number {
  return estimatedTokens(Buffer.byteLength(text)) + tokensPerText
}
