/** `torwart audit export`: prints records for other programs, on stdout or into a file that only its owner can read. */
import { closeSync, openSync, writeSync } from 'node:fs'
import { exportFormats } from '../audit/formats/export.ts'
import { type Command, configOption, type ExitCode, textOf, UsageError } from './command.ts'
import { knownTo, logFile } from './shared/audit-log.ts'
import { ask, queryIn, queryOptions } from './shared/audit-query.ts'

/** The command `torwart audit export`. */
export const auditExport: Command = {
  argument: '[file]',
  options: [
    configOption,
    ...queryOptions,
    { flags: '--format <format>', description: Object.keys(exportFormats).join(', '), standard: 'jsonl' },
    { flags: '-o, --out <file>', description: 'write to a new file instead of stdout' },
  ],
  async run(values, io, given): Promise<ExitCode> {
    const name = textOf(values, 'format')
    const format = Object.hasOwn(exportFormats, name) ? exportFormats[name] : undefined
    if (!format) throw new UsageError(`--format must be one of ${Object.keys(exportFormats).join(', ')}.`)
    const file = logFile(values, io, given)
    const target = textOf(values, 'out')
    const handle = target === '' ? undefined : openSync(target, 'wx', 0o600)
    const put = (text: string) => (handle === undefined ? io.out(text) : writeSync(handle, text))
    try {
      put(format.head)
      for await (const record of ask(file, queryIn(values), io, {
        known: knownTo(values, io, given),
        withTexts: format.withTexts === true,
      }))
        put(format.print(record))
    } finally {
      if (handle !== undefined) closeSync(handle)
    }
    return 0
  },
}
