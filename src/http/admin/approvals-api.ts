/**
 * A human's yes or no, below `/admin/v1/`. Where the policy names `approvers`, they come with their own key
 * (`Authorization: Bearer tw_…`), nobody else decides, and nobody decides about a call of the own key, of one of its
 * tokens, or of a key of the same name. Where it names none, whoever holds the admin token decides. Others never learn what waits.
 *
 *     GET  /approvals                what waits, was approved or denied, and is not over; `outdated`: of an earlier policy,
 *                                    so that no yes is of use any more
 *     POST /approvals/:id/approve    { by, why } if you like; `by` is the key's name where a key decides
 *     POST /approvals/:id/deny       { why, by }
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import Type from 'typebox'
import Value from 'typebox/value'
import { type Approval, isApprovalId, publicly } from '../../approvals/approval.ts'
import type { Approvals } from '../../approvals/service.ts'
import type { Identity } from '../../auth/identity.ts'
import { foldKey } from '../../core/fold.ts'
import { asSeen } from '../../core/strip-invisible.ts'
import type { KillSwitch } from '../../kill-switch/kill-switch.ts'
import type { Snapshot } from '../../pipeline/context.ts'
import { clientAddressOf } from '../data/connections.ts'
import { bearerOf } from './admin-auth.ts'
import type { AdminLogins } from './admin-logins.ts'
import { adminTokenHolder } from './admin-replies.ts'

export interface ApprovalsApiParts {
  readonly approvals: Approvals
  readonly freezes: KillSwitch
  /** Reads now what an operator has written: a lost key must not say yes before the next look at the files. */
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

/** Whether a path is judged here, by an approver's own key, instead of by the admin token. */
export function isForApprovers(path: string): boolean {
  return path === folder || path.startsWith(`${folder}/`)
}

/** Who asks: an approver, or whoever the admin listener let in; or why not. */
type Principal =
  | { readonly approver: Identity | undefined }
  | { readonly status: number; readonly error: string }
  | 'unknown'

export function registerApprovals(
  app: FastifyInstance,
  { approvals, freezes, reloadFiles, current, now }: ApprovalsApiParts,
  logins: AdminLogins,
): void {
  const principalOf = (request: FastifyRequest): Principal => {
    const shown = bearerOf(request)
    if (!shown?.startsWith('tw_')) return { approver: undefined }
    reloadFiles()
    const { policy, keys } = current()
    const { approvers } = policy.approval
    const identity = keys.identify(shown, now(), clientAddressOf(request.raw, policy.door))
    if (typeof identity === 'string') return 'unknown'
    const named = approvers.has(identity.name) || approvers.has(identity.role)
    if (!named || freezes.holdsCaller([identity.id], [identity.role]))
      return { status: 403, error: 'This key is not one of `approval.approvers`.' }
    return { approver: identity }
  }

  /** Whoever is on this machine may look where there is no token, but not so closely. */
  const showsTo = (approver: Identity | undefined) => {
    const { admin, approval } = current().policy
    return approver || admin.token !== undefined ? approval.arguments : 'masked'
  }

  /** @returns why this one may not decide about that call */
  const faultOf = (
    { identity, holder, policy: asked }: Approval,
    approver: Identity | undefined,
    state: 'approved' | 'denied',
  ) => {
    const { policy } = current()
    if (policy.approval.approvers.size > 0 && !approver)
      return { status: 403, error: 'Only those of `approval.approvers` decide, with their own keys.' }
    if (
      approver &&
      (approver.id === identity.id || approver.id === holder || isSame(approver.name, identity.name))
    )
      return { status: 403, error: 'Nobody decides about a call of their own.' }
    // No policy has anything against a no.
    if (asked !== policy.version && state === 'approved')
      return { status: 409, error: 'The policy has changed since: the call must be made again.' }
    return undefined
  }

  const withStore = async (reply: FastifyReply, work: () => Promise<object>) => {
    try {
      return await work()
    } catch {
      return refuse(reply, { status: 503, error: 'Approvals are not available; try again.' })
    }
  }

  app.get(folder, (request, reply) => {
    const principal = principalOf(request)
    if (principal === 'unknown') return logins.refuse(request, reply, 'approver key refused')
    if ('status' in principal) return refuse(reply, principal)
    const shows = showsTo(principal.approver)
    return withStore(reply, async () => ({
      approvals: (await approvals.list()).map((each) => ({
        ...publicly(each, shows),
        outdated: each.policy !== current().policy.version,
      })),
    }))
  })

  for (const [word, state] of [
    ['approve', 'approved'],
    ['deny', 'denied'],
  ] as const)
    app.post<{ Params: { id: string } }>(`${folder}/:id/${word}`, (request, reply) => {
      const principal = principalOf(request)
      if (principal === 'unknown') return logins.refuse(request, reply, 'approver key refused')
      if ('status' in principal) return refuse(reply, principal)
      const { approver } = principal
      const body = request.body ?? {}
      if (!Value.Check(decideBody, body) || (state === 'denied' && body.why === undefined))
        return refuse(reply, {
          status: 400,
          error:
            state === 'denied'
              ? 'must be JSON: {"why": "…"}, and "by" if you like'
              : 'must be JSON: "why" and "by" if you like',
        })
      const { id } = request.params
      const unknown = { status: 404, error: 'There is no approval of this id, or not any more.' }
      if (!isApprovalId(id)) return refuse(reply, unknown)
      return withStore(reply, async () => {
        const about = (await approvals.list()).find((each) => each.id === id)
        if (!about) return refuse(reply, unknown)
        const fault = faultOf(about, approver, state)
        if (fault) return refuse(reply, fault)
        const by = approver ? `${approver.name} (key ${approver.id})` : (body.by ?? adminTokenHolder)
        const decided = await approvals.decide(id, { state, by, why: body.why ?? null })
        if (decided.kind === 'unknown') return refuse(reply, unknown)
        if (decided.kind === 'decided') return refuse(reply, { status: 409, error: 'It is decided already.' })
        return publicly(decided.approval, showsTo(approver))
      })
    })
}

/** As people read names. */
function isSame(name: string, other: string): boolean {
  return foldKey(asSeen(name)) === foldKey(asSeen(other))
}

function refuse(reply: FastifyReply, { status, error }: { status: number; error: string }): FastifyReply {
  return reply.code(status).send({ error })
}
