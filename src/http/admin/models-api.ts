/**
 * Models in the admin API.
 *
 *     GET /admin/v1/models   the models that a role may use, and whether each is the version of the lock file
 */
import type { FastifyInstance } from 'fastify'
import type { DriftWatch } from '../../model-trust/drift-watch.ts'
import { inWords } from '../../model-trust/judge.ts'
import type { Policy } from '../../policy/policy.ts'

/** What the route needs. */
export interface ModelsApiParts {
  readonly models: Pick<DriftWatch, 'statuses' | 'lock'>
  policy(): Policy
}

/** Registers the route. */
export function registerAdminModels(app: FastifyInstance, { models, policy }: ModelsApiParts): void {
  app.get('/admin/v1/models', async () => {
    const { require, onDrift } = policy().modelTrust
    const { lock } = models
    return {
      require: [...require],
      onDrift,
      lock: { state: lock.state, ...(lock.state === 'broken' ? { reason: lock.reason } : {}) },
      models: models.statuses().map(({ model, upstream, kind, digest, locked, doubt }) => ({
        ...{ name: model, upstream, kind, digest, locked },
        state: doubt === undefined ? 'trusted' : onDrift === 'flag' ? 'flagged' : 'quarantined',
        why: doubt === undefined ? null : inWords(doubt),
      })),
    }
  })
}
