/** Tables of text for a terminal: the one place that aligns, cuts and pads columns. */
import { plain } from './plain.ts'

/** The cells of one row by column name. */
export type Row = Readonly<Record<string, unknown>>

const gap = 2

/**
 * Prints a table whose columns are as wide as their longest cell. A missing cell is printed as a dash.
 * @param maxWidth of a line, in characters: the widest columns are cut until it fits, with an ellipsis
 */
export function table(
  columns: readonly string[],
  rows: readonly Row[],
  maxWidth = Number.POSITIVE_INFINITY,
): string {
  const cells = [columns, ...rows.map((row) => columns.map((column) => row[column] ?? '-'))]
  const lengths = columns.map((_, index) => Math.max(...cells.map((row) => plain(row[index]).length)))
  const widths = fitted(lengths, maxWidth)
  return cells.map((row) => tableRow(row, widths, gap)).join('')
}

/**
 * Prints one row of a table.
 * @param widths of the columns in characters; of the last one, 0 leaves it as long as it is
 * @param space characters between two columns
 */
export function tableRow(cells: readonly unknown[], widths: readonly number[], space: number): string {
  const fields = cells.map((cell, index) => {
    const width = widths[index] ?? 0
    return width === 0 ? plain(cell) : cut(plain(cell), width).padEnd(width)
  })
  return `${fields.join(' '.repeat(space)).trimEnd()}\n`
}

/** Cuts a text to a length in characters, with an ellipsis. */
export function cut(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length - 1)}…` : text
}

function fitted(lengths: readonly number[], maxWidth: number): number[] {
  const widths = [...lengths]
  const width = widths.reduce((sum, each) => sum + each, 0) + gap * (widths.length - 1)
  for (let over = width - maxWidth; over > 0; over--) {
    const widest = widths.indexOf(Math.max(...widths))
    widths[widest] = (widths[widest] ?? 0) - 1
  }
  return widths
}
