/** A table: columns that know their cell. It scrolls sideways by itself, so that the page never does. */
import type { ComponentChildren } from 'preact'
import { type TextKey, t } from '../texts/texts.ts'

/** A column of a table. */
export interface Column<Row> {
  readonly title: TextKey
  readonly isNumber?: boolean
  cell(row: Row): ComponentChildren
}

/** Rows in columns. @param label names the table for those who do not see it */
export function Table<Row>({
  label,
  columns,
  rows,
  keyOf,
}: {
  label: TextKey
  columns: readonly Column<Row>[]
  rows: readonly Row[]
  keyOf(row: Row): string
}) {
  return (
    // biome-ignore lint/a11y/useSemanticElements: no fieldset, and no landmark beside that of its section.
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard.
    <div role="group" class="scroll" tabIndex={0} aria-label={t(label)}>
      <table>
        <thead>
          <tr>
            {columns.map(({ title, isNumber }) => (
              <th key={title} scope="col" class={isNumber ? 'num' : undefined}>
                {t(title)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={keyOf(row)}>
              {columns.map(({ title, isNumber, cell }) => (
                <td key={title} class={isNumber ? 'num' : undefined}>
                  {cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
