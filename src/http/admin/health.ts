/**
 * `/livez`: the process answers. `/readyz`: it should get traffic; 503 only if another gateway would do better (draining,
 * no audit log, no store under `refuse`, no worker). Other problems are listed in the body.
 */
import type { FastifyInstance } from 'fastify'
import type { Policy } from '../../policy/policy.ts'
import type { Fleet } from '../../upstreams/fleet.ts'

/** The state of the gateway. */
export interface Readiness {
  readonly draining: boolean
  readonly policy: Policy
  readonly warnings: readonly string[]
  /** The last reload; `place` is that of its first error. */
  readonly reload: { readonly ok: boolean; readonly at: string; readonly place?: string }
  /** `mode` is `local` while Redis is unavailable and this gateway counts alone. */
  readonly store: {
    readonly kind: 'memory' | 'redis'
    readonly up: boolean
    readonly mode: 'shared' | 'local'
  }
  readonly auditWritable: boolean
  /** The number of freezes in force. */
  readonly freezes: number
  /** Undefined: one process serves alone. */
  readonly workers: { readonly wanted: number; readonly ready: number } | undefined
  /** Undefined: the policy asks no proof of models. */
  readonly models: ModelReadiness | undefined
}

/** How the models stand that the policy asks proof of. */
export interface ModelReadiness {
  /** `read`, or why the lock file cannot be used. */
  readonly lock: string
  /** Names of models that are not the locked version, some of them if they are many. */
  readonly drifted: readonly string[]
}

/** Registers both routes. */
export function registerHealth(app: FastifyInstance, state: () => Promise<Readiness>, fleet: Fleet): void {
  app.get('/livez', async () => ({ status: 'alive' }))
  app.get('/readyz', async (_request, reply) => {
    const { draining, policy, warnings, reload, store, auditWritable, freezes, workers, models } =
      await state()
    const storeFails = !store.up && policy.store.onFailure === 'refuse'
    const ready = !draining && auditWritable && !storeFails && workers?.ready !== 0
    reply.code(ready ? 200 : 503)
    return {
      status: draining ? 'draining' : ready ? 'ready' : 'not ready',
      store,
      upstreams: await fleet.check(),
      policy: { version: policy.version, reload, warnings },
      audit: { writable: auditWritable },
      freezes,
      ...(workers ? { workers } : {}),
      ...(models ? { models } : {}),
    }
  })
}
