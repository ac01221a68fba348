/**
 * CSV (RFC 4180). A cell that a spreadsheet would take for a formula gets an apostrophe before it (OWASP, "CSV
 * Injection"), and control characters are replaced.
 */
import { csvRow } from '../../core/csv.ts'
import { type Entry, modelOf, outcomeOf } from '../write/entry.ts'

const columns: readonly (readonly [name: string, value: (entry: Entry, chain: string) => unknown])[] = [
  ['seq', ({ seq }) => seq],
  ['time', ({ time }) => time],
  ['event', ({ event }) => event],
  ['id', ({ id }) => id],
  ['traceparent', ({ traceparent }) => traceparent],
  ['identity', ({ identity }) => identity?.id],
  ['name', ({ identity }) => identity?.name],
  ['role', ({ identity }) => identity?.role],
  ['peer', ({ peer }) => peer],
  ['agent', ({ agent }) => agent],
  ['session', ({ session }) => session],
  ['route', ({ route }) => route],
  ['upstream', ({ upstream }) => upstream],
  ['model', modelOf],
  ['outcome', outcomeOf],
  ['status', ({ ending }) => ending?.status],
  ['findings', ({ findings = [] }) => findings.map(({ id, action }) => `${id}:${action}`).join(' ')],
  ['input', ({ usage }) => usage?.input],
  ['output', ({ usage }) => usage?.output],
  ['totalMs', ({ timing }) => timing?.totalMs],
  ['policy', ({ policy }) => policy],
  ['hash', ({ hash }) => hash],
  ['chain', (_entry, chain) => chain],
  ['person', ({ person }) => person],
  ['group', ({ group }) => group],
]

/** The first line: names of the columns. */
export const csvHead = csvRow(columns.map(([name]) => name))

/** Prints an entry as one line of CSV (RFC 4180). @param chain the name of a worker's chain; empty for the log itself */
export function toCsv(entry: Entry, chain = ''): string {
  return csvRow(columns.map(([, value]) => value(entry, chain)))
}
