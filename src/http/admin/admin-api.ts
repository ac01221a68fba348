/**
 * The admin API: freezes and circuit breakers, and the keys of `keys-api.ts`. `admin-auth.ts` decides who may call it.
 * Invalid input gets a 400 that names the fault.
 *
 *     GET    /admin/v1/freezes                      lists the freezes in force
 *     POST   /admin/v1/freezes                      { kind, name?, why, for?, by? }; `holds` counts what it holds now
 *     DELETE /admin/v1/freezes/:kind[/:name]?why=   lifts a freeze
 *     POST   /admin/v1/breakers/:key/close          { by? } closes the circuit breaker of a key
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import Type from 'typebox'
import Value from 'typebox/value'
import { isCallerId } from '../../core/key-id.ts'
import { asRefusal } from '../../core/refusal.ts'
import { parseDuration } from '../../core/units.ts'
import {
  type FreezeEntry,
  type FreezeRequest,
  faultOf,
  frozenKinds,
  isFrozenKind,
} from '../../kill-switch/freeze-entry.ts'
import type { KillSwitch } from '../../kill-switch/kill-switch.ts'
import { keyAccount } from '../../limits/accounts.ts'
import type { Store } from '../../limits/store.ts'
import { maskedName, refuse } from './admin-replies.ts'
import { type AdminKeysParts, registerAdminKeys } from './keys-api.ts'
import { authorOf } from './signed-in.ts'

/** What the admin API needs. */
export interface AdminApiParts extends AdminKeysParts {
  readonly freezes: Pick<KillSwitch, 'list' | 'issue'>
  readonly store: Store
  /** Counts what a freeze holds now; null for models if that is not known. */
  freezeReach(wish: Pick<FreezeRequest, 'kind' | 'name'>): {
    readonly keys: number
    readonly roles: number
    readonly models: number | null
  }
  /** Writes to the audit log what an operator has done. */
  recordEvent(event: string, details: object): void
}

const closingMs = 1000

const freezeBody = Type.Object(
  {
    kind: Type.String(),
    name: Type.Optional(Type.String()),
    why: Type.String({ minLength: 1 }),
    for: Type.Optional(Type.String()),
    by: Type.Optional(Type.String({ minLength: 1 })),
  },
  { additionalProperties: false },
)

const liftQuery = Type.Object(
  { why: Type.Optional(Type.String()), by: Type.Optional(Type.String()) },
  { additionalProperties: false },
)
const closeBody = Type.Object(
  { by: Type.Optional(Type.String({ minLength: 1 })) },
  { additionalProperties: false },
)

/** Registers the routes of the admin API. */
export function registerAdminApi(app: FastifyInstance, parts: AdminApiParts): void {
  const { freezes, store, recordEvent, freezeReach } = parts
  registerAdminKeys(app, parts)
  const issue = async (wanted: FreezeRequest, reply: FastifyReply) => {
    const fault = faultOf(wanted)
    if (fault !== undefined) return refuse(reply, fault)
    const entry = freezeView(await freezes.issue(wanted))
    if (!wanted.frozen) return entry
    const { keys, roles, models } = freezeReach(wanted)
    return { ...entry, holds: { keys, roles, models } }
  }

  app.get('/admin/v1/freezes', async () => ({ freezes: freezes.list().map(freezeView) }))

  app.post('/admin/v1/freezes', async (request, reply) => {
    const { body } = request
    if (!Value.Check(freezeBody, body))
      return refuse(reply, 'The body must be JSON with kind and why, and optionally name, for and by.')
    const { kind, name = '', why } = body
    const by = authorOf(request, body.by)
    if (!isFrozenKind(kind)) return refuse(reply, `\`kind\` must be one of ${frozenKinds.join(', ')}.`)
    const forMs = body.for === undefined ? undefined : parseDuration(body.for)
    if (body.for !== undefined && !forMs) return refuse(reply, '`for` must be a duration such as 30m or 24h.')
    reply.code(201)
    return issue({ kind, name, frozen: true, why, by, forMs }, reply)
  })

  app.delete<{ Params: { kind: string; '*': string } }>('/admin/v1/freezes/:kind/*', (request, reply) =>
    lift(request.params.kind, request.params['*'], request, reply),
  )
  app.delete<{ Params: { kind: string } }>('/admin/v1/freezes/:kind', (request, reply) =>
    lift(request.params.kind, '', request, reply),
  )
  const lift = async (kind: string, name: string, request: FastifyRequest, reply: FastifyReply) => {
    const { query } = request
    if (!Value.Check(liftQuery, query)) return refuse(reply, 'The query may have why and by, each once.')
    const { why = 'lifted' } = query
    const by = authorOf(request, query.by)
    if (!isFrozenKind(kind)) return refuse(reply, `\`kind\` must be one of ${frozenKinds.join(', ')}.`)
    return issue({ kind, name, frozen: false, why, by, forMs: undefined }, reply)
  }

  app.post<{ Params: { key: string } }>('/admin/v1/breakers/:key/close', async (request, reply) => {
    const { params } = request
    const options = request.body ?? {}
    if (!Value.Check(closeBody, options)) return refuse(reply, 'The body must be JSON with an optional by.')
    if (!isCallerId(params.key)) return refuse(reply, 'This is not a key id.')
    const by = maskedName(authorOf(request, options.by))
    try {
      const wasOpen = await store.closeBreaker(keyAccount(params.key), { leftMs: closingMs })
      if (wasOpen) recordEvent('breaker closed', { key: params.key, by })
      return { key: params.key, wasOpen }
    } catch (error) {
      return reply.code(503).send({ error: asRefusal(error).say })
    }
  })
}

function freezeView({ kind, name, frozen, why, by, at, until }: FreezeEntry) {
  const time = (ms: number) => new Date(ms).toISOString()
  return { kind, name, frozen, why, by, at: time(at), until: until === null ? null : time(until) }
}
