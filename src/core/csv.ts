/**
 * Comma-separated values (RFC 4180). A cell that a spreadsheet would evaluate as a formula is turned into a text, even with
 * spaces before it: callers choose their names, and could choose a formula.
 */
import { plain } from './plain.ts'

/** Prints a header and rows, of which each column takes the value of its name. */
export function csv(columns: readonly string[], rows: readonly Readonly<Record<string, unknown>>[]): string {
  return [columns, ...rows.map((row) => columns.map((column) => row[column]))].map(csvRow).join('')
}

/** Prints one row, ended by CRLF. */
export function csvRow(values: readonly unknown[]): string {
  return `${values.map(cell).join(',')}\r\n`
}

function cell(value: unknown): string {
  if (typeof value === 'number') return String(value)
  const text = plain(value)
  const harmless = /^\s*[=+\-@|%]/.test(text) ? `'${text}` : text
  return /[",\s']/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless
}
