/** `torwart audit show`: prints records for people or as JSON lines; with `-f`, also new ones. */
import { tableHead, toRow } from '../audit/formats/table.ts'
import { lineWithChain } from '../audit/query/read-chains.ts'
import { type Command, configOption, type ExitCode, jsonOption } from './command.ts'
import { knownTo, logFile } from './shared/audit-log.ts'
import { ask, queryIn, queryOptions } from './shared/audit-query.ts'
import { untilInterrupted } from './shared/until-interrupted.ts'

const lookMs = 250

/** The command `torwart audit show`. */
export const auditShow: Command = {
  argument: '[file]',
  options: [
    configOption,
    ...queryOptions,
    { flags: '-f, --follow', description: 'keep showing new records, until Ctrl-C' },
    jsonOption,
  ],
  async run(values, io, given): Promise<ExitCode> {
    const file = logFile(values, io, given)
    const wait = values.follow ? untilInterrupted(io, lookMs) : undefined
    if (!values.json) io.out(tableHead)
    for await (const record of ask(file, queryIn(values), io, {
      wait,
      withTexts: values.json === true,
      known: knownTo(values, io, given),
    }))
      io.out(values.json ? `${lineWithChain(record)}\n` : toRow(record.entry, record.chain))
    return 0
  },
}
