/** The formats in which records leave for other programs. */
import { type ChainLine, lineWithChain } from '../query/read-chains.ts'
import type { Entry } from '../write/entry.ts'
import { toCef } from './cef.ts'
import { csvHead, toCsv } from './csv.ts'
import { toEcs } from './ecs.ts'

/** A format: how it begins, and how a record is printed. */
export interface ExportFormat {
  readonly head: string
  readonly mediaType: string
  /** Whether records have the texts that they refer to. */
  readonly withTexts?: true
  print(record: ChainLine & { readonly entry: Entry }): string
}

/** All of them, by name. */
export const exportFormats: Readonly<Record<string, ExportFormat>> = {
  jsonl: {
    ...{ head: '', mediaType: 'application/jsonl', withTexts: true },
    print: (record) => `${lineWithChain(record)}\n`,
  },
  csv: { head: csvHead, mediaType: 'text/csv', print: ({ entry, chain }) => toCsv(entry, chain) },
  cef: { head: '', mediaType: 'text/plain', print: ({ entry, chain }) => `${toCef(entry, chain)}\n` },
  ecs: { head: '', mediaType: 'application/jsonl', print: ({ entry, chain }) => `${toEcs(entry, chain)}\n` },
}
