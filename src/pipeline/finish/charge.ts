/**
 * What a request has really cost and done, told to the limit store once: tokens in the place of what was reserved, the
 * slot, tool calls as actions, how a breaker's trial went. An answer with tool calls is told before they leave, if the
 * store may say that they come too often.
 */

import { holderOf } from '../../auth/identity.ts'
import type { Clock } from '../../core/clock.ts'
import { asRefusal, describeError, Refusal } from '../../core/refusal.ts'
import type { ToolCall } from '../../dialects/dialect.ts'
import { keyAccount } from '../../limits/accounts.ts'
import type { Turns } from '../../limits/slot-queue.ts'
import type { Settled, Settlement, Store } from '../../limits/store.ts'
import type { Log } from '../../telemetry/log.ts'
import type { Answer, Caller, Ending, RequestContext } from '../context.ts'
import { secondsUntilNext } from '../request/admit.ts'
import { weighted } from '../request/reserve.ts'
import { printToolCalls } from './fingerprint.ts'
import { hasWorked, Pace, spentTokens } from './tokens-used.ts'
import { Uncounted } from './unpaid-reading.ts'

/** After any ending; does nothing if that was done. */
export type AccountFor = (context: RequestContext, ending: Ending) => void
/** Before an answer with tool calls ends, if the role has a limit for their repetition. @returns what the client gets instead, if anything */
export type Conclude = (context: RequestContext, answer: Answer) => Promise<Refusal | undefined>

export interface AccountParts {
  readonly store: Store
  readonly turns: Pick<Turns, 'freed'>
  readonly log: Log
  readonly clock: Clock
  /** Tells of a breaker that was opened by what this caller did. */
  onOpened(caller: Caller): void
}

export function createAccounts({ store, turns, log, clock, onOpened }: AccountParts): {
  account: AccountFor
  conclude: Conclude
} {
  const pace = new Pace()
  const uncounted = new Uncounted(clock)
  const tell = async (context: RequestContext, ending: Ending): Promise<Settled | undefined> => {
    if (context.accounted) return undefined
    context.accounted = true
    const calls = actionsOf(context, ('answer' in ending && ending.answer?.toolCalls) || [])
    const isJudged = context.caller?.role.limits.repetition !== undefined
    const things = isJudged ? attempt(() => printToolCalls(calls)) : []
    const settlement = settlementOf(
      context,
      ending,
      spentTokens(context, ending, pace),
      calls.length,
      things instanceof Error ? [] : things,
    )
    const settled = settlement && (await store.settle(settlement, context.incoming.budget))
    if (settled?.opened && context.caller) onOpened(context.caller)
    // Only now: what was reserved must be given back, whatever else fails.
    if (things instanceof Error) throw things
    return settled
  }

  const refund = async (context: RequestContext, ending: Ending): Promise<void> => {
    const { caller, entry, admission } = context.admitted ?? {}
    if (!caller || !entry || !admission || hasCounted(context, ending)) return
    const { hold, budget } = context.incoming
    if (uncounted.take(holderOf(caller.identity), hold.maxBody)) await store.refund(entry, admission, budget)
  }

  return {
    account(context, ending) {
      const told = Promise.all([refund(context, ending), tell(context, ending)])
      // Told behind what it gives back, which is on its way.
      if (context.caller) turns.freed(holderOf(context.caller.identity))
      told.catch((error: unknown) => {
        log.warn(
          { id: context.incoming.id, cause: describeError(error) },
          'cannot settle a request in the limit store; it is retried, or its reservation expires',
        )
      })
    },
    async conclude(context, answer) {
      try {
        const settled = await tell(context, { kind: 'answered', answer })
        if (!settled || settled.repeatedMs === 0) return undefined
        return new Refusal('repetition', {
          say: 'The same tool call was repeated too often.',
          retryAfterSeconds: secondsUntilNext(settled.repeatedMs, context.admitted?.admission),
        })
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
function hasCounted({ admitted, upstream, incoming }: RequestContext, ending: Ending): boolean {
  if (admitted?.admission?.outcome !== 'admitted' || admitted.entry?.kind !== 'requests') return true
  if (upstream !== undefined) return true
  const isRead = incoming.guardWork.units > 0
  return ending.kind === 'refused' ? isRead && ending.refusal.final : ending.kind !== 'aborted' || isRead
}

/** Tool calls that the client got: what was stopped has done nothing. */
function actionsOf({ call }: RequestContext, calls: readonly ToolCall[]): readonly ToolCall[] {
  const stopped = call?.judged.stopped ?? []
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
  const { caller, incoming, admitted, reserved } = context
  if (!caller || !admitted) return undefined
  const { actionsPerMinute, repetition } = caller.role.limits
  const claim = reserved?.claim
  // Who left before a model was asked has shown nothing.
  const trial = admitted.admission?.trial ? (context.upstream ? 'passed' : 'refused') : undefined
  const counted = calls > 0 && (actionsPerMinute ?? repetition) !== undefined
  if (!claim && !trial && !counted) return undefined
  const account = keyAccount(holderOf(caller.identity))
  return {
    lease: incoming.lease,
    claim,
    spent: weighted(tokens, reserved?.weight ?? 1),
    breaker: actionsPerMinute === undefined ? undefined : { account, actionsPerMinute },
    actions: calls,
    trial,
    repetition: repetition && things.length > 0 ? { account, limit: repetition, things } : undefined,
    // Or whoever tries again because a model server fails would pass for one that loops.
    unsaid: !hasWorked(context, ending),
  }
}
