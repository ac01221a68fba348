/**
 * CSV (RFC 4180). A cell that a spreadsheet would take for a formula gets an apostrophe before it (OWASP, "CSV
 * Injection"), and control characters are replaced.
 */
import { type Entry, modelOf, outcomeOf } from '../entry.ts'
import { plain } from './plain.ts'

const columns: readonly (readonly [name: string, value: (entry: Entry) => unknown])[] = [
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
]

export const csvHead = `${columns.map(([name]) => name).join(',')}\r\n`

export function toCsv(entry: Entry): string {
  return `${columns.map(([, value]) => cell(value(entry))).join(',')}\r\n`
}

function cell(value: unknown): string {
  if (typeof value === 'number') return String(value)
  const text = plain(value)
  const harmless = /^\s*[=+\-@|%]/.test(text) ? `'${text}` : text
  return /[",\s']/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless
}
