/** `torwart audit export`: prints records for other programs, on stdout or into a file that only its owner can read. */
import { closeSync, openSync, writeSync } from 'node:fs'
import { toCef } from '../audit/formats/cef.ts'
import { csvHead, toCsv } from '../audit/formats/csv.ts'
import { toEcs } from '../audit/formats/ecs.ts'
import { type ChainLine, lineWithChain } from '../audit/query/read-chains.ts'
import type { Entry } from '../audit/write/entry.ts'
import { type Command, configOption, type ExitCode, textOf, UsageError } from './command.ts'
import { knownTo, logFile } from './shared/audit-log.ts'
import { ask, queryIn, queryOptions } from './shared/audit-query.ts'

interface Format {
  readonly head: string
  readonly withTexts?: true
  print(record: ChainLine & { readonly entry: Entry }): string
}

const formats: Readonly<Record<string, Format>> = {
  jsonl: { head: '', withTexts: true, print: (record) => `${lineWithChain(record)}\n` },
  csv: { head: csvHead, print: ({ entry, chain }) => toCsv(entry, chain) },
  cef: { head: '', print: ({ entry, chain }) => `${toCef(entry, chain)}\n` },
  ecs: { head: '', print: ({ entry, chain }) => `${toEcs(entry, chain)}\n` },
}

/** The command `torwart audit export`. */
export const auditExport: Command = {
  argument: '[file]',
  options: [
    configOption,
    ...queryOptions,
    { flags: '--format <format>', description: Object.keys(formats).join(', '), standard: 'jsonl' },
    { flags: '-o, --out <file>', description: 'write to a new file instead of stdout' },
  ],
  async run(values, io, given): Promise<ExitCode> {
    const name = textOf(values, 'format')
    const format = Object.hasOwn(formats, name) ? formats[name] : undefined
    if (!format) throw new UsageError(`--format must be one of ${Object.keys(formats).join(', ')}.`)
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
