/** `torwart incident list`: incidents, and what is due when. */
import { incidentView } from '../../incident/incident.ts'
import { readIncidents } from '../../incident/incident-file.ts'
import { type Command, configOption, type ExitCode, jsonOption } from '../command.ts'
import { logFile } from '../shared/audit-log.ts'
import { visible } from '../shared/visible.ts'
import { incidentInWords } from './shared.ts'

/** The command `torwart incident list`. */
export const incidentList: Command = {
  options: [configOption, { flags: '--all', description: 'closed ones, too' }, jsonOption],
  run(values, io): ExitCode {
    const now = Date.now()
    const shown = readIncidents(logFile(values, io)).filter(({ closed }) => values.all === true || !closed)
    if (values.json)
      io.out(`${JSON.stringify({ incidents: shown.map((each) => incidentView(each, now)) })}\n`)
    else if (shown.length === 0) io.out('No incident is open.\n')
    else
      for (const incident of shown)
        io.out(`${incidentInWords(incident, now).split('\n').map(visible).join('\n')}\n`)
    return 0
  },
}
