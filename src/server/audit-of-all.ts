/** The audit log of a gateway as the admin API has it: the chain of this process, those of its workers, and orphans. */
import { type Erased, type ErasureRequest, erasureId, sumOfErased } from '../audit/erase/erasure.ts'
import type { AuditApiParts } from '../http/admin/audit-api.ts'
import type { Foundation } from './foundation.ts'
import type { Workers } from './workers.ts'

/** @param workers undefined: this process serves alone */
export function auditOfAll(
  { audit, orphans }: Pick<Foundation, 'audit' | 'orphans'>,
  workers: Workers | undefined,
): AuditApiParts {
  return {
    instance: audit.instance,
    get head() {
      return audit.head
    },
    get checkpoint() {
      return audit.checkpoint
    },
    writable: () => audit.writable(),
    workers: workers && (() => workers.chains()),
    async sign() {
      await Promise.all([audit, ...orphans].map((each) => each.sign()))
      await workers?.sign()
    },
    async erase(request: ErasureRequest): Promise<Erased> {
      workers?.requireAll()
      const id = erasureId()
      const erased: Erased[] = []
      for (const chain of [audit, ...orphans]) erased.push(await chain.erase(request, id))
      if (workers) erased.push(...(await workers.erase(request, id)))
      return sumOfErased(erased)
    },
  }
}
