/** `torwart incident sent`: stops the clock of a report that was sent. */
import { changeIncident } from '../../incident/incident-file.ts'
import { noticeKinds, noticeNames } from '../../incident/notices.ts'
import { loadPolicy } from '../../policy/load.ts'
import {
  authorOf,
  byOption,
  type Command,
  configOption,
  type ExitCode,
  textOf,
  UsageError,
} from '../command.ts'
import { momentOption } from '../shared/audit-log.ts'
import { putOnRecord } from '../shared/operator-event.ts'
import { idArgument, incidentInWords, incidentMeant, masked } from './shared.ts'

/** The command `torwart incident sent`. */
export const incidentSent: Command = {
  argument: idArgument,
  options: [
    configOption,
    {
      flags: '--notice <name>',
      description: `report that was sent: ${noticeNames.join(', ')}`,
      required: true,
    },
    { flags: '--at <time>', description: 'when; default: now' },
    byOption,
  ],
  async run(values, io, id): Promise<ExitCode> {
    const { policy } = loadPolicy(textOf(values, 'config'), io.variables)
    const { file } = policy.audit
    const notice = noticeNames.find((name) => name === textOf(values, 'notice'))
    if (!notice) throw new UsageError(`--notice must be one of ${noticeNames.join(', ')}.`)
    const meant = incidentMeant(file, id)
    if (!meant.duties.includes(noticeKinds[notice].duty))
      throw new UsageError(`${notice} is not among the reports of ${meant.id}.`)
    const atMs = momentOption(values, 'at') ?? Date.now()
    if (atMs > Date.now()) throw new UsageError('--at must not be in the future.')
    const at = new Date(atMs).toISOString()
    const by = masked(authorOf(values, io))
    const changed = await changeIncident(file, meant.id, (incident) => ({
      ...incident,
      sent: [...incident.sent.filter((each) => each.notice !== notice), { notice, at, by }],
    }))
    const isRecorded = await putOnRecord(
      'incident notice sent',
      { incident: meant.id, notice, sent: at, by },
      policy,
      io,
    )
    io.out(`${incidentInWords(changed ?? meant, Date.now())}\n`)
    return isRecorded ? 0 : 1
  },
}
