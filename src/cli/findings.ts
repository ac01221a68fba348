/** `torwart findings`: lists what the prompt guard blocked most, from the audit log, to find false alarms. */
import { createMostFound } from '../audit/query/most-found.ts'
import { table } from '../core/table.ts'
import { type Command, configOption, type ExitCode, jsonOption } from './command.ts'
import { logFile } from './shared/audit-log.ts'
import { ask, queryIn, sinceOption } from './shared/audit-query.ts'
import { whereOf } from './shared/exceptions-file.ts'

/** The command `torwart findings`. */
export const findings: Command = {
  argument: '[file]',
  options: [
    configOption,
    sinceOption,
    { flags: '--until <time>', description: 'up to this time' },
    { flags: '--all', description: 'also list what was only flagged, or accepted by an exception' },
    jsonOption,
  ],
  async run(values, io, given): Promise<ExitCode> {
    const query = queryIn(values)
    const found = createMostFound()
    for await (const { entry } of ask(logFile(values, io, given), query, io)) found.add(entry)
    const { findings: all, leftOut } = found.result()
    const rows = values.all ? all : all.filter(({ blocked }) => blocked > 0)
    if (values.json) io.out(`${JSON.stringify({ findings: rows, leftOut }, null, 2)}\n`)
    else if (rows.length === 0) io.out('Nothing was blocked.\n')
    else {
      const columns = ['blocked', 'flagged', 'excepted', 'signature', 'in', 'key', 'name', 'last request']
      const cells = rows.map((row) => ({
        ...row,
        signature: row.id,
        in: whereOf({ channel: row.channel, ...(row.tool === null ? {} : { tool: row.tool }) }),
        'last request': row.last.request,
      }))
      io.out(table(columns, cells))
      io.out("\nTo accept a passage, run: torwart allow --text-of REQUEST --why '…'\n")
    }
    if (leftOut > 0)
      io.err(`The list is incomplete: ${leftOut} requests were left out. Choose a shorter period.\n`)
    return rows.length > 0 ? 1 : 0
  },
}
