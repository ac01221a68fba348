/** Puts on record what commands did while this gateway writes the log (`audit/write/operator-events.ts`). */
import { createEventTaker, operatorEventsFile } from '../audit/write/operator-events.ts'
import { describeError } from '../core/refusal.ts'
import { lookAtFiles } from '../files/watch.ts'
import type { AuditApiParts } from '../http/admin/audit-api.ts'
import type { Foundation } from './foundation.ts'

/**
 * Looks for events that wait, until it is closed.
 * @param signer signs all chains of this gateway
 * @returns what ends it; resolves when nothing is under way
 */
export function followOperatorEvents(
  { atStart, audit, intervals, log }: Pick<Foundation, 'atStart' | 'audit' | 'intervals' | 'log'>,
  signer: Pick<AuditApiParts, 'sign'>,
): () => Promise<void> {
  const { file } = atStart.audit
  const take = createEventTaker(file, { record: audit.event, sign: signer.sign })
  let work: Promise<void> | undefined
  let isFailing = false
  const takeNow = async () => {
    try {
      await take()
      isFailing = false
    } catch (error) {
      if (!isFailing)
        log.error({ cause: describeError(error) }, 'what commands did is not in the audit log yet')
      isFailing = true
    }
  }
  // The file is there only while something waits.
  const watch = lookAtFiles(
    [operatorEventsFile(file)],
    (states) => {
      if (states === '' || work) return
      work = takeNow().finally(() => {
        work = undefined
      })
    },
    intervals.filesMs,
  )
  return async () => {
    watch.close()
    await work
  }
}
