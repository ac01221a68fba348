/**
 * The way of a request that is passed through to a model server unread: the caller, its rights and its limits are those of
 * every request; the body, the model and the response are not looked at, which the record says (`unread`).
 */
import { holderOf } from '../auth/identity.ts'
import type { Clock } from '../core/clock.ts'
import { Refusal } from '../core/refusal.ts'
import { dialects } from '../dialects/dialects.ts'
import type { FreezeCheck } from '../kill-switch/kill-switch.ts'
import { claimedAccounts, keyAccount } from '../limits/accounts.ts'
import type { Persons } from '../limits/persons.ts'
import type { SlotQueue } from '../limits/slot-queue.ts'
import type { PassThroughRule } from '../policy/policy.ts'
import { type Admitted, type Authenticated, extend, type Passing } from './context.ts'
import type { PassedThrough } from './passed-through.ts'
import type { Admit } from './request/admit.ts'
import { requireThawedCaller } from './request/authorise.ts'
import { claimOrObserve, requireReserved } from './request/reserve.ts'

/** What a route under a prefix costs: it counts like a request to a model. */
export const passThroughCost = { cost: 'request' } as const

/** @throws Refusal `frozen`, `route_not_allowed`, `method_not_allowed` */
function authorise(
  request: Authenticated,
  { roles, methods }: PassThroughRule,
  { method, path }: Pick<PassedThrough, 'method' | 'path'>,
  freezes: FreezeCheck,
): void {
  requireThawedCaller(request, freezes)
  if (!roles.has(request.role.name)) throw new Refusal('route_not_allowed')
  if (request.token?.grants.some(({ routes, models, tools }) => routes ?? models ?? tools))
    throw new Refusal('route_not_allowed', {
      say: 'A token that is limited to routes, models or tools cannot be used here, because nothing is read.',
    })
  if (!methods.has(method)) throw new Refusal('method_not_allowed')
  if (isGuarded(path))
    throw new Refusal('route_not_allowed', {
      say: 'The gateway serves this route itself, with its guards. Use it without the prefix of the pass-through.',
    })
}

const working = dialects.flatMap(({ endpoints }) =>
  endpoints.flatMap((endpoint) => {
    if (endpoint.kind === 'session') return [endpoint.path, `${endpoint.path}/:call`]
    return endpoint.kind === 'exchange' ? [endpoint.path, endpoint.serverPath ?? endpoint.path] : []
  }),
)
/** What llama.cpp's server has besides (its tools/server/README.md). */
const ofLlamaCpp = ['/completion', '/infill']
/** LocalAI has its routes without `/v1`, too. */
const guarded = [...working, ...ofLlamaCpp].flatMap((path) =>
  path.startsWith('/v1/') ? [path, path.slice('/v1'.length)] : [path],
)
const endings = guarded.filter((path) => !path.includes(':'))
const beginnings = guarded.flatMap((path) => (path.includes(':') ? [path.slice(0, path.indexOf(':'))] : []))

/**
 * Tells whether a path makes a model work or changes one, as far as the gateway knows: also below another path (LocalAI's
 * `/v1/mcp/chat/completions`, LM Studio's `/api/v0/chat/completions`), and for a server that takes capital letters for small
 * ones.
 */
function isGuarded(path: string): boolean {
  const plain = (path.endsWith('/') ? path.slice(0, -1) : path).toLowerCase()
  return endings.some((ending) => plain.endsWith(ending)) || beginnings.some((start) => plain.includes(start))
}

/**
 * Lets a request through: may this caller, has it room, has it a slot?
 * @throws Refusal `frozen`, `route_not_allowed`, `method_not_allowed`, `rate_limited`, `breaker_open`, `too_many_concurrent`,
 * `tokens_exhausted`, `store_unavailable`
 */
export type LetThrough = (
  request: Authenticated,
  rule: PassThroughRule,
  passed: PassedThrough,
) => Promise<Passing>

/** What it takes to let requests through. */
export interface PassThroughParts {
  readonly freezes: FreezeCheck
  readonly admit: Pick<Admit, 'now'>
  readonly turns: SlotQueue
  readonly persons: Persons
  readonly clock: Clock
}

/** Makes the step that lets requests through. */
export function createLetThrough({ freezes, admit, ...parts }: PassThroughParts): LetThrough {
  return async (request, rule, passed) => {
    authorise(request, rule, passed, freezes)
    return reserveSlot(await admit.now(request, { endpoint: passThroughCost }), parts)
  }
}

/** Waits for a slot of the caller's. It takes no tokens: what they would be is not known. */
async function reserveSlot(
  request: Admitted,
  { turns, persons, clock }: Pick<PassThroughParts, 'turns' | 'persons' | 'clock'>,
): Promise<Passing> {
  const { identity, role, policy, lease } = request
  const guards = [['passthrough', 'unread']] as const
  const account = keyAccount(holderOf(identity))
  const person = role.person && persons.accountOf(account.name, request.person, clock.monotonicMs())
  const accounts = claimedAccounts(account, role, undefined, policy, person)
  const nothing = { claim: undefined, reservation: undefined, weight: 1, slotWaitMs: 0, guards }
  if (accounts.length === 0) return extend(request, nothing)
  const sinceMs = clock.monotonicMs()
  const claimed = await claimOrObserve({ lease, tokens: 0, accounts, repetition: undefined }, request, turns)
  if (!claimed) return extend(request, nothing)
  const { claim, reservation } = claimed
  const granted = reservation.outcome === 'granted' ? claim : undefined
  const slotWaitMs = clock.monotonicMs() - sinceMs
  const reserved = extend(request, { ...nothing, claim: granted, reservation, slotWaitMs })
  requireReserved(reservation)
  return reserved
}
