/** Puts on record what a command did: by the gateway that writes the log, or, where none runs, by the command itself. */
import { openAudit } from '../../audit/audit.ts'
import { chainsOf } from '../../audit/chains.ts'
import { isLocked } from '../../audit/write/lock.ts'
import {
  announceEvent,
  createEventTaker,
  type OperatorEventName,
  waitingEvents,
} from '../../audit/write/operator-events.ts'
import { segmentsOf } from '../../audit/write/segments.ts'
import { systemClock } from '../../core/clock.ts'
import type { Policy } from '../../policy/policy.ts'
import type { Io } from '../command.ts'

const maxWaitMs = 10_000
const pollMs = 20

/**
 * Puts an event on record and signs a checkpoint behind it.
 * @returns false if it waits for a gateway still, of which the user was told
 */
export async function putOnRecord(
  event: OperatorEventName,
  details: Readonly<Record<string, unknown>>,
  policy: Policy,
  io: Io,
): Promise<boolean> {
  const { file } = policy.audit
  const operation = await announceEvent(file, event, details)
  const isWaiting = () => waitingEvents(file).some((each) => each.operation === operation)
  let problem = ''
  for (const end = Date.now() + maxWaitMs; isWaiting(); ) {
    // Another command may have written the log until now, and have taken what waited before this event.
    if (!(await isLocked(file, io))) problem = await takeHere(event, policy, io)
    if (!isWaiting()) return true
    if (Date.now() > end) {
      io.err(
        `${problem}\`${event}\` is not in the audit log yet. It waits in ${file}.pending.json, and the gateway that writes this log records it as soon as it can. See its log.\n`,
      )
      return false
    }
    await new Promise((resolve) => setTimeout(resolve, pollMs))
  }
  return true
}

/**
 * Writes the log, which nobody else writes now, and signs every chain of it. Deletes nothing, however old it is.
 * @returns what kept it from that; empty if nothing did
 */
async function takeHere(event: string, policy: Policy, io: Io): Promise<string> {
  const report = (problem: string, error: unknown) =>
    io.err(`${problem}${error === undefined ? '' : `: ${String(error)}`}\n`)
  const open = (file: string) =>
    openAudit({
      ...{ file, report, clock: systemClock, processes: io.processes },
      settings: { ...policy.audit, retentionMs: Number.POSITIVE_INFINITY },
      about: { version: io.version, policy: policy.version, by: `torwart: ${event}` },
    })
  try {
    const audit = await open(policy.audit.file)
    try {
      await createEventTaker(policy.audit.file, { record: audit.event, sign: audit.sign })()
    } finally {
      await audit.close()
    }
    // Closing a chain signs its end.
    for (const chain of chainsOf(policy.audit.file).slice(1))
      if (segmentsOf(chain).length > 0) await (await open(chain)).close()
    return ''
  } catch (error) {
    // A gateway or another command may have started meanwhile; then it records the event.
    return `This command could not write the audit log: ${String(error)}\n`
  }
}
