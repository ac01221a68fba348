/**
 * Approvals in the admin API: a human decides about a tool call. If the policy names `approvers`, only they decide, with
 * their own keys (`Authorization: Bearer tw_…`), and never about a call of their own key, of one of its tokens or of a key
 * with the same name. If it names none, the holder of the admin token decides.
 *
 *     GET  /admin/v1/approvals               pending, approved and denied ones until they expire; `outdated` marks those of
 *                                            an earlier policy, which cannot be approved any more
 *     POST /admin/v1/approvals/:id/approve   { by?, why? }; with an approver's key, `by` is that key's name
 *     POST /admin/v1/approvals/:id/deny      { why, by? }
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import Type from 'typebox'
import Value from 'typebox/value'
import { type Approval, isApprovalId, publicly } from '../../approvals/approval.ts'
import type { ApprovalService } from '../../approvals/service.ts'
import type { Identity } from '../../auth/identity.ts'
import { foldKey } from '../../core/fold.ts'
import { asSeen } from '../../core/strip-invisible.ts'
import type { KillSwitch } from '../../kill-switch/kill-switch.ts'
import type { Snapshot } from '../../pipeline/context.ts'
import type { Policy } from '../../policy/policy.ts'
import { clientAddressOf } from '../data/connections.ts'
import { bearerOf } from './admin-auth.ts'
import type { AdminLogins } from './admin-logins.ts'
import { authorOf, authorOfKey, sessionOf } from './signed-in.ts'

/** What the approvals API needs. */
export interface ApprovalsApiParts {
  readonly approvals: ApprovalService
  readonly freezes: KillSwitch
  /** Reads changed files now, so that a key that was revoked a moment ago decides nothing. */
  reloadFiles(): void
  current(): Snapshot
  /** Epoch milliseconds. */
  now(): number
}

const folder = '/admin/v1/approvals'
const decideBody = Type.Object(
  {
    why: Type.Optional(Type.String({ minLength: 1, maxLength: 512 })),
    by: Type.Optional(Type.String({ minLength: 1, maxLength: 512 })),
  },
  { additionalProperties: false },
)

/** Registers the routes of approvals. */
export function registerApprovals(app: FastifyInstance, parts: ApprovalsApiParts, logins: AdminLogins): void {
  const { approvals, current } = parts

  /** Refuses whoever is no approver, and runs the rest for those who are. */
  const withApprover = async (
    request: FastifyRequest,
    reply: FastifyReply,
    answer: (decider: Decider) => Promise<object>,
  ): Promise<object> => {
    const decider = deciderOf(request, parts)
    if (decider === 'unknown') return logins.refuse(request, reply, 'approver key refused')
    if ('status' in decider) return refuse(reply, decider)
    return answer(decider)
  }

  app.get(folder, (request, reply) =>
    withApprover(request, reply, ({ shows }) =>
      withStore(reply, async () => ({
        approvals: (await approvals.list()).map((each) => ({
          ...publicly(each, shows),
          outdated: each.policy !== current().policy.version,
        })),
      })),
    ),
  )

  for (const [word, state] of decisions)
    app.post<{ Params: { id: string } }>(`${folder}/:id/${word}`, (request, reply) =>
      withApprover(request, reply, async (decider) => {
        const body = request.body ?? {}
        if (!Value.Check(decideBody, body) || (state === 'denied' && body.why === undefined))
          return refuse(reply, { status: 400, error: bodyErrors[state] })
        const { why = null } = body
        const by = authorOf(request, body.by)
        return decide(reply, { id: request.params.id, state, by, why, decider }, parts)
      }),
    )
}

const decisions = [
  ['approve', 'approved'],
  ['deny', 'denied'],
] as const
type DecidedState = (typeof decisions)[number][1]

const bodyErrors: Readonly<Record<DecidedState, string>> = {
  approved: 'The body must be JSON, optionally with "why" and "by".',
  denied: 'The body must be JSON with "why", and optionally "by".',
}

interface DecideRequest {
  readonly id: string
  readonly state: DecidedState
  /** Of a change by the holder of the admin token. */
  readonly by: string
  readonly why: string | null
  readonly decider: Decider
}

async function decide(
  reply: FastifyReply,
  { id, state, by, why, decider: { approver, shows } }: DecideRequest,
  { approvals, current }: ApprovalsApiParts,
): Promise<object> {
  if (!isApprovalId(id)) return refuse(reply, unknownApproval)
  return withStore(reply, async () => {
    const approval = (await approvals.list()).find((each) => each.id === id)
    if (!approval) return refuse(reply, unknownApproval)
    const fault = decisionFault(approval, approver, state, current().policy)
    if (fault) return refuse(reply, fault)
    const decidedBy = approver ? authorOfKey(approver) : by
    const decided = await approvals.decide(id, { state, by: decidedBy, why })
    if (decided.kind === 'unknown') return refuse(reply, unknownApproval)
    if (decided.kind === 'decided')
      return refuse(reply, { status: 409, error: 'This approval is already decided.' })
    return publicly(decided.approval, shows)
  })
}

/** Why a request is refused. */
interface Fault {
  readonly status: number
  readonly error: string
}

const unknownApproval: Fault = { status: 404, error: 'There is no approval with this id, or it has expired.' }

/** Who asks: an approver with a key of its own, or undefined for whoever the admin listener let in. */
interface Decider {
  readonly approver: Identity | undefined
  /** How this one sees arguments. */
  readonly shows: 'masked' | 'plain'
}

function deciderOf(
  request: FastifyRequest,
  { freezes, reloadFiles, current, now }: ApprovalsApiParts,
): Decider | Fault | 'unknown' {
  const bearer = bearerOf(request)
  const session = sessionOf(request)?.principal
  const isKey = bearer?.startsWith('tw_') === true
  if (isKey) reloadFiles()
  const { policy, keys } = current()
  const { approvers, arguments: shows } = policy.approval
  if (session ? session.rights.has('admin') : !isKey)
    // Without an admin token anybody on this machine may look, and then arguments are masked.
    return { approver: undefined, shows: session || policy.admin.token !== undefined ? shows : 'masked' }
  // Whoever may only read decides nothing: the listener does not let them.
  if (session && !session.rights.has('approve')) return { approver: undefined, shows: 'masked' }
  const identity =
    session?.identity ?? keys.identify(bearer ?? '', now(), clientAddressOf(request.raw, policy.door))
  if (typeof identity === 'string') return 'unknown'
  const isNamed = approvers.has(identity.name) || approvers.has(identity.role)
  if (!isNamed || freezes.holdsCaller([identity.id], [identity.role]))
    return { status: 403, error: 'This key is not in `approval.approvers`.' }
  return { approver: identity, shows }
}

/** Returns why this approver may not decide about that call, if so. */
function decisionFault(
  { identity, holder, policy: version }: Approval,
  approver: Identity | undefined,
  state: DecidedState,
  policy: Policy,
): Fault | undefined {
  if (policy.approval.approvers.size > 0 && !approver)
    return {
      status: 403,
      error: 'Only the approvers in `approval.approvers` can decide, each with their own key.',
    }
  const isOwnCall =
    approver &&
    (approver.id === identity.id || approver.id === holder || isSameName(approver.name, identity.name))
  if (isOwnCall) return { status: 403, error: 'You cannot decide on a call of your own key.' }
  // A denial is valid under every policy.
  if (version !== policy.version && state === 'approved')
    return { status: 409, error: 'The policy has changed since. The call must be made again.' }
  return undefined
}

async function withStore(reply: FastifyReply, work: () => Promise<object>): Promise<object> {
  try {
    return await work()
  } catch {
    return refuse(reply, { status: 503, error: 'Approvals are unavailable. Try again later.' })
  }
}

/** Compares names as people read them. */
function isSameName(name: string, other: string): boolean {
  return foldKey(asSeen(name)) === foldKey(asSeen(other))
}

function refuse(reply: FastifyReply, { status, error }: Fault): FastifyReply {
  return reply.code(status).send({ error })
}
