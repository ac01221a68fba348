/** Tables, for a terminal and for a spreadsheet. */
import { csvRow } from './csv.ts'
import { plain } from './plain.ts'

export type Row = Readonly<Record<string, unknown>>

const gap = 2

/**
 * Columns as wide as their longest cell, two blanks between them; what a row does not have is a dash.
 * @param widest of a line, in characters: the widest columns give way, and what was cut says so
 */
export function table(
  columns: readonly string[],
  rows: readonly Row[],
  widest = Number.POSITIVE_INFINITY,
): string {
  const cells = [columns, ...rows.map((row) => columns.map((column) => plain(row[column] ?? '-')))]
  const widths = columns.map((_, index) => Math.max(...cells.map((row) => row[index]?.length ?? 0)))
  for (let over = sumOf(widths) + gap * (columns.length - 1) - widest; over > 0; over--) {
    const maxLength = widths.indexOf(Math.max(...widths))
    widths[maxLength] = (widths[maxLength] ?? 0) - 1
  }
  return cells
    .map(
      (row) =>
        `${row
          .map((cell, index) => cut(cell, widths[index] ?? 0).padEnd(widths[index] ?? 0))
          .join(' '.repeat(gap))
          .trimEnd()}\n`,
    )
    .join('')
}

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0)
}

function cut(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length - 1)}…` : text
}

export function csv(columns: readonly string[], rows: readonly Row[]): string {
  return [columns, ...rows.map((row) => columns.map((column) => row[column]))].map(csvRow).join('')
}
