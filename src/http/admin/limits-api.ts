/**
 * What is left of limits.
 *
 *     GET /admin/v1/limits   used and remaining of everybody, of each role, and of the keys that were used last
 */
import type { FastifyInstance } from 'fastify'
import type { KeyEntry } from '../../auth/api-keys/key-file.ts'
import { readUses, usesFile } from '../../auth/api-keys/usage.ts'
import { asRefusal } from '../../core/refusal.ts'
import type { Account, AccountUse, Store, WindowUse } from '../../limits/store.ts'
import type { Limits, Policy, SharedLimits } from '../../policy/policy.ts'

/** What the route needs. */
export interface LimitsApiParts {
  readonly store: Pick<Store, 'use' | 'mode'>
  policy(): Policy
  /** The keys in force. */
  keys(): readonly KeyEntry[]
  /** Epoch milliseconds. */
  nowMs(): number
}

/** Keys that are told of. */
const maxKeys = 500
/** For all accounts together. */
const storeMs = 2000
/** Several views ask all the time; none of them needs more. */
const freshMs = 500

interface Row {
  readonly account: Account
  readonly id: string
  readonly name: string
  readonly limits: Partial<Limits> & SharedLimits
}

/** Registers the route. */
export function registerLimitsApi(app: FastifyInstance, parts: LimitsApiParts): void {
  let known: { readonly atMs: number; readonly answer: Promise<object> } | undefined
  app.get('/admin/v1/limits', async (_request, reply) => {
    const now = parts.nowMs()
    if (!known || now - known.atMs >= freshMs || now < known.atMs)
      known = { atMs: now, answer: limitsNow(parts, now) }
    try {
      return await known.answer
    } catch (error) {
      known = undefined
      return reply.code(503).send({ error: asRefusal(error).say })
    }
  })
}

async function limitsNow({ store, policy, keys, nowMs }: LimitsApiParts, askedMs: number): Promise<object> {
  const budget = { leftMs: storeMs }
  const rows = rowsOf(policy(), keys())
  const used = await Promise.all(rows.map(({ account }) => store.use(account, { ...budget })))
  const viewed = rows.map((row, index) => view(row, used[index] as AccountUse, askedMs))
  return { now: new Date(nowMs()).toISOString(), mode: store.mode, rows: viewed }
}

function rowsOf({ limits, roles, keysFile }: Policy, keys: readonly KeyEntry[]): Row[] {
  const uses = readUses(usesFile(keysFile))
  const lastOf = ({ id }: KeyEntry) => uses.get(id)?.last ?? 0
  const seen = keys
    .filter((key) => lastOf(key) > 0)
    .toSorted((a, b) => lastOf(b) - lastOf(a))
    .slice(0, maxKeys)
  return [
    { account: { scope: 'all', name: '' }, id: '', name: '', limits },
    ...[...roles.values()].map(
      ({ name, shared }): Row => ({ account: { scope: 'role', name }, id: name, name, limits: shared }),
    ),
    ...seen.flatMap(({ id, name, role }): Row[] => {
      const own = roles.get(role)?.limits
      return own ? [{ account: { scope: 'key', name: id }, id, name, limits: own }] : []
    }),
  ]
}

function view({ account: { scope }, id, name, limits }: Row, use: AccountUse, nowMs: number) {
  const reserved = (window: WindowUse) => ({ ...window, used: window.used + use.pendingTokens })
  const kinds: readonly [string, number | undefined, WindowUse][] = [
    ['requestsPerMinute', limits.requestsPerMinute, use.requests],
    ['tokensPerMinute', limits.tokensPerMinute, reserved(use.tokensPerMinute)],
    ['tokensPerDay', limits.tokensPerDay, reserved(use.tokensPerDay)],
    ['probesPerMinute', limits.probesPerMinute, use.probes],
    ['actionsPerMinute', limits.actionsPerMinute, use.actions],
  ]
  const { actionsPerMinute, concurrent } = limits
  return {
    ...{ scope, id, name },
    limits: kinds.flatMap(([kind, limit, { used, resetMs }]) =>
      limit === undefined
        ? []
        : [
            {
              ...{ kind, limit, used, remaining: Math.max(0, limit - used) },
              resetsAt: used > 0 ? new Date(nowMs + resetMs).toISOString() : null,
            },
          ],
    ),
    concurrent: { limit: concurrent ?? null, used: use.leases },
    breaker: actionsPerMinute === undefined ? null : use.breakerMs === undefined ? 'closed' : 'open',
    breakerUntil: use.breakerMs === undefined ? null : new Date(nowMs + use.breakerMs).toISOString(),
  }
}
