/** `torwart incident close`: ends an incident, and its clocks. Freezes stay. */

import type { Incident } from '../../incident/incident.ts'
import { changeIncident } from '../../incident/incident-file.ts'
import { noticesOf } from '../../incident/notices.ts'
import { freezesFile, readFreezes } from '../../kill-switch/file.ts'
import { isInForce } from '../../kill-switch/freeze-entry.ts'
import { loadPolicy } from '../../policy/load.ts'
import {
  authorOf,
  byOption,
  type Command,
  configOption,
  type ExitCode,
  type Io,
  textOf,
  UsageError,
} from '../command.ts'
import { putOnRecord } from '../shared/operator-event.ts'
import { idArgument, incidentMeant, masked } from './shared.ts'

/** The command `torwart incident close`. */
export const incidentClose: Command = {
  argument: idArgument,
  options: [
    configOption,
    { flags: '--why <reason>', description: 'how it ended, for the audit log', required: true },
    byOption,
  ],
  async run(values, io, id): Promise<ExitCode> {
    const { policy } = loadPolicy(textOf(values, 'config'), io.variables)
    const { file } = policy.audit
    const meant = incidentMeant(file, id)
    const closed = {
      at: new Date().toISOString(),
      by: masked(authorOf(values, io)),
      why: masked(textOf(values, 'why')),
    }
    const changed = await changeIncident(file, meant.id, (incident) => {
      if (incident.closed) throw new UsageError(`${incident.id} was closed at ${incident.closed.at} already.`)
      return { ...incident, closed }
    })
    const unsent = noticesOf(changed ?? meant, Date.now()).filter(({ state }) => state === 'stopped')
    const isRecorded = await putOnRecord(
      'incident closed',
      { incident: meant.id, why: closed.why, by: closed.by, unsent: unsent.map(({ notice }) => notice) },
      policy,
      io,
    )
    io.out(`${meant.id} is closed.\n`)
    if (unsent.length > 0)
      io.err(
        `Not marked as sent: ${unsent.map(({ notice }) => notice).join(', ')}. Their clocks have stopped.\n`,
      )
    tellFreezes(file, meant, io)
    return isRecorded ? 0 : 1
  },
}

function tellFreezes(auditFile: string, { key, person }: Incident, io: Io): void {
  const now = Date.now()
  for (const entry of readFreezes(freezesFile(auditFile)).values())
    if (isInForce(entry, now) && [key, person].includes(entry.name))
      io.err(`Still frozen: torwart unfreeze ${entry.kind} ${entry.name}\n`)
}
