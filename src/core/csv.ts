/**
 * Rows of comma-separated values (RFC 4180). A cell that a spreadsheet would take for a formula is made a text, whatever
 * blanks stand before it; a caller may have chosen its name for that.
 */
import { plain } from './plain.ts'

export function csvRow(values: readonly unknown[]): string {
  return `${values.map(cell).join(',')}\r\n`
}

function cell(value: unknown): string {
  if (typeof value === 'number') return String(value)
  const text = plain(value)
  const harmless = /^\s*[=+\-@|%]/.test(text) ? `'${text}` : text
  return /[",\s']/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless
}
