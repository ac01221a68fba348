/** The audit log of a gateway as the admin API has it: the chain of this process, those of its workers, and orphans. */
import { type Erased, type ErasureRequest, erasureId, sumOfErased } from '../audit/erase/erasure.ts'
import { NotNow } from '../http/admin/admin-errors.ts'
import type { AuditApiParts } from '../http/admin/audit-api.ts'
import type { Foundation } from './foundation.ts'
import type { Workers } from './workers.ts'

/** @param workers undefined: this process serves alone */
export function auditOfAll(
  { audit, logKeeper, takeOver }: Pick<Foundation, 'audit' | 'logKeeper' | 'takeOver'>,
  workers: Workers | undefined,
): AuditApiParts {
  return {
    get instance() {
      return audit.instance
    },
    get head() {
      return audit.head
    },
    get checkpoint() {
      return audit.checkpoint
    },
    writable: () => audit.writable(),
    workers: workers && (() => workers.chains()),
    async sign() {
      await Promise.all([audit, ...logKeeper.orphans].map((each) => each.sign()))
      await workers?.sign()
    },
    async erase(request: ErasureRequest): Promise<Erased> {
      if (takeOver?.isUnderWay)
        throw new NotNow(
          'The gateway before the upgrade still finishes requests. Nothing was erased; try again.',
        )
      workers?.requireAll()
      const id = erasureId()
      const erased: Erased[] = []
      for (const chain of [audit, ...logKeeper.orphans]) erased.push(await chain.erase(request, id))
      if (workers) erased.push(...(await workers.erase(request, id)))
      return sumOfErased(erased)
    },
  }
}
