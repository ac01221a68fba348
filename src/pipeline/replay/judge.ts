/**
 * Judges a recorded request by a policy, with the very steps of the pipeline: route, model, prompt guard, output guard,
 * tool calls. What a record does not tell is said to be unknown, never guessed.
 *
 * What has to do with the moment and not with the policy's rules is taken to be as it was: limits and budgets, the breaker,
 * freezes, approvals that were given, versions of models and tools, who else was there.
 */
import { createKeyRing } from '../../auth/api-keys/key-ring.ts'
import { holderOf } from '../../auth/identity.ts'
import { jwtPrefix } from '../../auth/jwt/jwt.ts'
import { type Clock, systemClock } from '../../core/clock.ts'
import { HeldBytes } from '../../core/held-bytes.ts'
import { Refusal, type RefusalCode } from '../../core/refusal.ts'
import type { Exchange } from '../../dialects/dialect.ts'
import { roleFor } from '../../policy/canary.ts'
import type { Policy, Role } from '../../policy/policy.ts'
import type { Log } from '../../telemetry/log.ts'
import { createMetrics } from '../../telemetry/metrics.ts'
import { Cancellation } from '../cancellation.ts'
import { extend, type RequestContext } from '../context.ts'
import { authoriseRoute } from '../request/authorise.ts'
import { createLocate } from '../request/exceptions.ts'
import { createGuardTurns } from '../request/guard-turns.ts'
import { createReceive } from '../request/receive.ts'
import type { ScanningFor } from '../request/scan-cache.ts'
import { createScanPrompt } from '../request/scan-prompt.ts'
import { createResponseGuards } from '../response/output-guard.ts'
import { requireAnswer } from './answer.ts'
import { authoriseRecordedModel, everyServer, noFreezes, serversOf } from './model.ts'
import { type ReadPrompt, requirePrompt } from './prompt.ts'
import type { RecordedRequest } from './recorded-request.ts'
import { AsksHuman, Unknown } from './unknown.ts'

/** What a policy says of a request. */
export type Verdict =
  | { readonly kind: 'allowed' }
  | { readonly kind: 'refused'; readonly code: RefusalCode; readonly rule: string }
  | { readonly kind: 'unknown'; readonly why: string; readonly asksHuman: boolean }

/** What judging takes. */
export interface JudgeParts {
  readonly scanningFor: ScanningFor
  readonly log: Pick<Log, 'warn'>
  readonly clock?: Clock
  /** Whether model servers are taken to have every model that they may be asked for. Absent: only what is on record. */
  readonly serversHaveAll?: boolean
}

/** Judges requests by one policy. Never rejects for what is in a record. */
export type JudgeRecorded = (request: RecordedRequest) => Promise<Verdict>

/** Makes a judge. Its scanner and detectors are made with the first request that needs them. */
export function createJudge(
  policy: Policy,
  { scanningFor, log, clock = systemClock, serversHaveAll = false }: JudgeParts,
): JudgeRecorded {
  const metrics = createMetrics()
  const turns = createGuardTurns(clock)
  const locate = createLocate(policy.keysFile, clock, log)
  const secondOpinion = () => Promise.reject(new Unknown('a guard model would be asked'))
  const scan = createScanPrompt({ scanningFor, secondOpinion, turns, metrics, locate })
  const makeResponseGuard = createResponseGuards({
    ...{ turns, metrics },
    scannerFor: (guard) => scanningFor(guard).scanner,
  })
  const keys = createKeyRing([], [])
  const memory = new HeldBytes(() => Number.POSITIVE_INFINITY)
  const receive = createReceive(() => ({ policy, keys }), clock)
  const contextOf = ({ to, id }: RecordedRequest): RequestContext | undefined =>
    to &&
    receive({
      ...{ route: to.endpoint.path, dialect: to.dialect, peer: '', rawHeaders: [], certificate: undefined },
      ...{ requestId: id, traceparent: undefined, agent: undefined, session: undefined },
      ...{ cancellation: new Cancellation(), hold: memory.open() },
    })

  const judge = async (recorded: RecordedRequest): Promise<void> => {
    const { identity, to, model } = recorded
    const context = contextOf(recorded)
    if (!identity) throw new Unknown('its caller is not on record')
    if (!context || !to) throw new Refusal('not_found', { detail: 'route' })
    const request = extend(context, {
      identity,
      role: roleOf(recorded, policy),
      token: undefined,
    })
    authoriseRoute(request, to, noFreezes)
    if (to.endpoint.kind !== 'exchange') return
    const endpoint: Exchange = to.endpoint
    const servers = serversHaveAll ? everyServer : serversOf(recorded)
    if (!model) throw new Unknown('its body was not read')
    const authorised = await authoriseRecordedModel(request, endpoint, recorded, servers)
    const read: ReadPrompt = await requirePrompt(authorised, recorded, scan)
    if (!endpoint.answer) requireAnswer(authorised, recorded, read, makeResponseGuard)
  }

  return async (recorded) => {
    try {
      await judge(recorded)
      return { kind: 'allowed' }
    } catch (thrown) {
      if (thrown instanceof Unknown)
        return { kind: 'unknown', why: thrown.message, asksHuman: thrown instanceof AsksHuman }
      // A guard that fails refuses a request, and says nothing of a policy.
      if (!(thrown instanceof Refusal) || thrown.code === 'internal') throw thrown
      return { kind: 'refused', code: thrown.code, rule: ruleOf(thrown, recorded) }
    }
  }
}

/** @throws Refusal `invalid_credentials`; Unknown */
function roleOf({ identity }: RecordedRequest, { roles, jwt, certificates }: Policy): Role {
  const { kind = 'key', id = '', role: name = '' } = identity ?? {}
  if (kind === 'jwt') {
    const issuer = jwt.find((each) => id.startsWith(`${jwtPrefix(each.issuer)}:`))
    if (!issuer) throw new Refusal('invalid_credentials', { detail: 'jwt' })
    const mayHave = issuer.role ?? issuer.roles.find(([, role]) => role === name)?.[1]
    const isNamed = issuer.role === undefined && issuer.roles.length === 0
    if (!isNamed && mayHave !== name) throw new Unknown('claims of its token are not on record')
  }
  if (
    kind === 'certificate' &&
    !certificates.some((rule) => rule.name === identity?.name && rule.role === name)
  )
    throw new Unknown('what else its certificate says is not on record')
  const role = roleFor(roles, name, identity ? holderOf(identity) : id)
  if (!role) throw new Refusal('invalid_credentials', { detail: `role ${name}` })
  return role
}

/** What of the policy refuses, in a few words that are the same for all such requests. */
function ruleOf({ code, detail }: Refusal, { to, model }: RecordedRequest): string {
  if (code === 'route_not_allowed') return to?.endpoint.group ?? ''
  if (code === 'model_not_allowed') return model?.asked ?? ''
  return detail ?? code
}
