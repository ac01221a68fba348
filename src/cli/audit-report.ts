/** `torwart audit report`: writes an incident report, as Markdown or JSON. */
import { toMarkdown } from '../audit/formats/markdown.ts'
import { IncidentReport } from '../audit/query/report.ts'
import { integrityInWords, verifyChains } from '../audit/verify/verify-chains.ts'
import { type Command, configOption, type ExitCode, jsonOption } from './command.ts'
import { logFile, momentOption } from './shared/audit-log.ts'
import { ask, sinceOption } from './shared/audit-query.ts'

const standardMs = 24 * 3_600_000

/** The command `torwart audit report`. */
export const auditReport: Command = {
  argument: '[file]',
  options: [
    configOption,
    { ...sinceOption, standard: '24h' },
    { flags: '--until <time>', description: 'up to this time' },
    jsonOption,
  ],
  async run(values, io, given): Promise<ExitCode> {
    const file = logFile(values, io, given)
    const sinceMs = momentOption(values, 'since') ?? Date.now() - standardMs
    const untilMs = momentOption(values, 'until')
    const report = new IncidentReport()
    for await (const { entry } of ask(file, { sinceMs, ...(untilMs === undefined ? {} : { untilMs }) }, io))
      report.add(entry)
    const { chains, ...verdict } = await verifyChains(file, { sinceMs })
    const made = new Date().toISOString()
    if (values.json)
      io.out(
        `${JSON.stringify({ made, integrity: { ...verdict, ...(chains.length > 1 ? { chains } : {}) }, ...report.result() }, null, 2)}\n`,
      )
    else io.out(toMarkdown(report.result(), integrityInWords(verdict, chains.length), made))
    return verdict.bad ? 1 : 0
  },
}
