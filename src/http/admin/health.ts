/**
 * `/livez`: the process answers. `/readyz`: it should get traffic; 503 only for what another gateway would do
 * better (draining, no log, no store under `refuse`). What is merely wrong stands in the body.
 */
import type { FastifyInstance } from 'fastify'
import type { Policy } from '../../policy/policy.ts'
import type { Fleet } from '../../upstreams/fleet.ts'

export interface Readiness {
  readonly draining: boolean
  readonly policy: Policy
  readonly warnings: readonly string[]
  /** Of the last reload; the place of its first error if it failed. */
  readonly reload: { readonly ok: boolean; readonly at: string; readonly place?: string }
  /** `mode` is `local` while this gateway counts for itself because Redis is away. */
  readonly store: {
    readonly kind: 'memory' | 'redis'
    readonly up: boolean
    readonly mode: 'shared' | 'local'
  }
  readonly auditWritable: boolean
  /** How many orders to freeze something are in force. */
  readonly freezes: number
}

export function registerHealth(app: FastifyInstance, state: () => Promise<Readiness>, fleet: Fleet): void {
  app.get('/livez', async () => ({ status: 'alive' }))
  app.get('/readyz', async (_request, reply) => {
    const { draining, policy, warnings, reload, store, auditWritable, freezes } = await state()
    const storeFails = !store.up && policy.store.onFailure === 'refuse'
    const ready = !draining && auditWritable && !storeFails
    reply.code(ready ? 200 : 503)
    return {
      status: draining ? 'draining' : ready ? 'ready' : 'not ready',
      store,
      upstreams: await fleet.check(),
      policy: { version: policy.version, reload, warnings },
      audit: { writable: auditWritable },
      freezes,
    }
  })
}
