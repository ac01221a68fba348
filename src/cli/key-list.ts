/** `torwart key list`. */
import { type Command, configOption, jsonOption } from './command.ts'
import { publicView, readKeys } from './keys.ts'

export const keyList: Command = {
  name: 'key list',
  summary: 'list the keys',
  options: [configOption, jsonOption],
  run(values, io) {
    const now = Date.now()
    const views = readKeys(values, io).map((entry) => publicView(entry, now))
    if (values.json) io.out(`${JSON.stringify(views)}\n`)
    else io.out(table(['id', 'name', 'role', 'created', 'expires', 'status'], views))
    return 0
  },
}

type Row = Readonly<Record<string, string | null>>

/** Columns as wide as their longest cell, two blanks between them. */
function table(columns: readonly string[], rows: readonly Row[]): string {
  const cells = [columns, ...rows.map((row) => columns.map((column) => row[column] ?? '-'))]
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
