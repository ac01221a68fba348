/**
 * What a request has really cost and done, told to the limit store once: tokens in the place of what was reserved, the
 * slot, tool calls as actions, how a breaker's trial went. An answer with tool calls is told before they leave, if the
 * store may say that they come too often.
 */

import { holderOf } from '../../auth/identity.ts'
import type { Clock } from '../../core/clock.ts'
import { asRefusal, describeError, Refusal } from '../../core/refusal.ts'
import type { ToolCall } from '../../dialects/dialect.ts'
import { keyAccount, lineOf } from '../../limits/accounts.ts'
import type { SlotQueue } from '../../limits/slot-queue.ts'
import type { Settled, Settlement, Store } from '../../limits/store.ts'
import type { Log } from '../../telemetry/log.ts'
import { type Authenticated, extend, type RequestContext } from '../context.ts'
import type { Ending, ModelResponse } from '../ending.ts'
import { secondsUntilNext } from '../request/admit.ts'
import { weighted } from '../request/reserve.ts'
import { enforceOrObserve } from '../would.ts'
import { fingerprintToolCalls } from './fingerprint.ts'
import { hasWorked, Pace, tokensUsed } from './tokens-used.ts'
import { UnpaidReading } from './unpaid-reading.ts'

/** Charges a request after any ending, without waiting for the store; does nothing if that was done. */
export type Charge = (context: RequestContext, ending: Ending) => void

/**
 * Charges a response with tool calls before it ends, where the role has a limit for their repetition.
 * @returns what the client gets instead, if anything. Never rejects.
 */
export type ChargeToolCalls = (context: RequestContext, answer: ModelResponse) => Promise<Refusal | undefined>

/** What it takes to charge requests. */
export interface ChargeParts {
  readonly store: Store
  readonly turns: Pick<SlotQueue, 'freed'>
  readonly log: Log
  readonly clock: Clock
  /** Told of a breaker that was opened by what this caller did. */
  onOpened(request: Pick<Authenticated, 'id' | 'identity'>): void
}

/** Makes the two ways of charging, which share what is known of the pace of models. */
export function createCharges({ store, turns, log, clock, onOpened }: ChargeParts): {
  readonly charge: Charge
  readonly chargeToolCalls: ChargeToolCalls
} {
  const pace = new Pace()
  const unpaid = new UnpaidReading(clock)
  const tell = async (context: RequestContext, ending: Ending): Promise<Settled | undefined> => {
    if (context.isCharged) return undefined
    extend(context, { isCharged: true })
    const calls = actionsOf(context, ('answer' in ending && ending.answer?.toolCalls) || [])
    const isJudged = context.role?.limits.repetition !== undefined
    const things = isJudged ? attempt(() => fingerprintToolCalls(calls)) : []
    const settlement = settlementOf(
      context,
      ending,
      tokensUsed(context, ending, pace),
      calls.length,
      things instanceof Error ? [] : things,
    )
    const settled = settlement && (await store.settle(settlement, context.storeBudget))
    const { id, identity } = context
    if (settled?.opened && identity) onOpened({ id, identity })
    // Only now: what was reserved must be given back, whatever else fails.
    if (things instanceof Error) throw things
    return settled
  }

  const refund = async (context: RequestContext, ending: Ending): Promise<void> => {
    const { identity, entry, admission, hold, storeBudget } = context
    if (!identity || !entry || !admission || hasCounted(context, ending)) return
    if (unpaid.take(holderOf(identity), hold.maxBody)) await store.refund(entry, admission, storeBudget)
  }

  return {
    charge(context, ending) {
      const told = Promise.all([refund(context, ending), tell(context, ending)])
      // Told behind what it gives back, which is on its way.
      if (context.identity) turns.freed(lineOf(holderOf(context.identity), context.claim))
      told.catch((error: unknown) => {
        log.warn(
          { id: context.id, cause: describeError(error) },
          'cannot settle a request in the limit store; it is retried, or its reservation expires',
        )
      })
    },
    async chargeToolCalls(context, answer) {
      try {
        const settled = await tell(context, { kind: 'answered', answer })
        if (!settled || settled.repeatedMs === 0) return undefined
        const refusal = new Refusal('repetition', {
          say: 'The same tool call was repeated too often.',
          retryAfterSeconds: secondsUntilNext(settled.repeatedMs, context.admission),
        })
        enforceOrObserve(context, context.role?.observesLimits ?? false, refusal)
        return undefined
      } catch (error) {
        return asRefusal(error)
      }
    },
  }
}

/**
 * Whether it was a request as `requestsPerMinute` means it. One that was not let through to a model was none, unless
 * guards have read it and refused it, or the client left meanwhile: or probing them would be free.
 */
function hasCounted(context: RequestContext, ending: Ending): boolean {
  const { entry, admission, upstream, guardWork } = context
  if (admission?.outcome !== 'admitted' || entry?.kind !== 'requests') return true
  if (upstream !== undefined) return true
  const isRead = guardWork.units > 0
  return ending.kind === 'refused' ? isRead && ending.refusal.final : ending.kind !== 'aborted' || isRead
}

/** Tool calls that the client got: what was stopped has done nothing. */
function actionsOf({ toolCalls }: RequestContext, calls: readonly ToolCall[]): readonly ToolCall[] {
  const stopped = toolCalls?.stopped ?? []
  if (stopped.length === 0) return calls
  const isSame = (one: ToolCall, other: ToolCall) =>
    one.name === other.name && one.arguments === other.arguments
  return calls.filter((made) => !stopped.some((each) => isSame(each, made)))
}

function attempt<T>(make: () => T): T | Error {
  try {
    return make()
  } catch (error) {
    return error instanceof Error ? error : new Error('not an Error')
  }
}

function settlementOf(
  context: RequestContext,
  ending: Ending,
  tokens: number,
  calls: number,
  things: readonly string[],
): Settlement | undefined {
  const { identity, role, admission, claim, weight = 1 } = context
  if (!identity || !role) return undefined
  const { actionsPerMinute, repetition } = role.limits
  // Who left before a model was asked has shown nothing.
  const trial = admission?.trial ? (context.upstream ? 'passed' : 'refused') : undefined
  // While a breaker is open, an enforced one lets nothing happen that could be counted.
  const isPast = context.would.has('breaker_open')
  const counted = calls > 0 && !isPast && (actionsPerMinute ?? repetition) !== undefined
  if (!claim && !trial && !counted) return undefined
  const account = keyAccount(holderOf(identity))
  return {
    lease: context.lease,
    claim,
    spent: weighted(tokens, weight),
    breaker: actionsPerMinute === undefined ? undefined : { account, actionsPerMinute },
    actions: calls,
    trial,
    repetition: repetition && things.length > 0 ? { account, limit: repetition, things } : undefined,
    // Or whoever tries again because a model server fails would pass for one that loops.
    unsaid: !hasWorked(context, ending),
  }
}
