/** A table for a terminal. */
export type Row = Readonly<Record<string, unknown>>

/** Columns as wide as their longest cell, two blanks between them; what a row does not have is a dash. */
export function table(columns: readonly string[], rows: readonly Row[]): string {
  const cells = [columns, ...rows.map((row) => columns.map((column) => String(row[column] ?? '-')))]
  const widths = columns.map((_, index) => Math.max(...cells.map((row) => row[index]?.length ?? 0)))
  return cells
    .map(
      (row) =>
        `${row
          .map((cell, index) => cell.padEnd(widths[index] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('')
}

/** Comma-separated values (RFC 4180). A cell that a spreadsheet would take for a formula is made a text. */
export function csv(columns: readonly string[], rows: readonly Row[]): string {
  const cell = (value: unknown) => {
    const text = String(value ?? '').replace(/^(?=[=+\-@\t\r])/, "'")
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
  }
  return [columns, ...rows.map((row) => columns.map((column) => row[column]))]
    .map((row) => `${row.map(cell).join(',')}\r\n`)
    .join('')
}
