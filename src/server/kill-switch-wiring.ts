/** The kill switch of a gateway: its orders, the Redis that shares them, and what is said of both at the start. */
import { createPseudonyms } from '../audit/erase/pseudonyms.ts'
import type { Clock } from '../core/clock.ts'
import type { Intervals } from '../core/intervals.ts'
import { describeError } from '../core/refusal.ts'
import { freezesFile } from '../kill-switch/file.ts'
import { subjectOf } from '../kill-switch/freeze-entry.ts'
import { createKillSwitch, type KillSwitch } from '../kill-switch/kill-switch.ts'
import { shareFreezes } from '../kill-switch/shared.ts'
import type { Policy } from '../policy/policy.ts'
import type { RedisClient } from '../redis/client.ts'
import type { Log } from '../telemetry/log.ts'
import type { Part } from './part.ts'

/** What it takes to open the kill switch. */
export interface KillSwitchParts {
  readonly part: Part
  readonly atStart: Policy
  readonly redis: RedisClient | undefined
  readonly clock: Clock
  readonly intervals: Intervals
  readonly log: Log
  recordEvent(event: string, details: object): void
}

/** @throws TypeError if the file is not what it should be: who cannot read what is frozen must not start */
export async function openKillSwitch({
  part,
  atStart,
  redis,
  clock,
  intervals,
  log,
  recordEvent,
}: KillSwitchParts): Promise<KillSwitch> {
  // A worker obeys the file, which the primary keeps as Redis has it.
  const shared = part.kind === 'worker' ? undefined : redis && shareFreezes(redis)
  try {
    const freezes = await createKillSwitch({
      file: freezesFile(atStart.audit.file),
      shared,
      clock,
      everyMs: intervals.freezesMs,
      report: (problem, error) => log.error({ cause: describeError(error) }, problem),
      onUnshared: (error) =>
        log.error(
          redis?.trouble(error),
          'freezes are not shared, because Redis does not accept or return them',
        ),
    })
    const pseudonymOf = createPseudonyms(atStart.audit.file)
    const subjects = freezes
      .list()
      .map((entry) =>
        entry.kind === 'person' ? `person:${pseudonymOf('person', entry.name)}` : subjectOf(entry),
      )
    if (subjects.length > 0 && part.kind !== 'worker') {
      log.warn({ subjects }, 'freezes carried over from before the restart')
      recordEvent('freezes in force', { subjects })
    }
    return freezes
  } catch (error) {
    shared?.close()
    throw error
  }
}
