/** A page as Markdown. */
import { plain } from '../../core/plain.ts'
import type { Block, Cell, Page } from './page.ts'

/** Prints a page. */
export function toMarkdown({ title, blocks }: Page): string {
  const lines = [`# ${escaped(title)}`, '', ...blocks.flatMap(linesOf)]
  return `${lines.join('\n').trimEnd()}\n`
}

function linesOf(block: Block): readonly string[] {
  switch (block.kind) {
    case 'heading': {
      const mark = block.mark ? `: **${escaped(block.mark.text)}**` : ''
      return [`${'#'.repeat(block.level)} ${escaped(block.text)}${mark}`, '']
    }
    case 'text':
      return [escaped(block.text), '']
    case 'table':
      return table(block.head, block.rows)
    case 'facts':
      return [
        ...block.rows.map(
          ({ name, values, isCode }) =>
            `- ${escaped(name)}: ${values.map(isCode ? code : escaped).join('; ')}`,
        ),
        '',
      ]
  }
}

function table(head: readonly string[], rows: readonly (readonly Cell[])[]): readonly string[] {
  const row = (cells: readonly Cell[]) => `| ${cells.map(cell).join(' | ')} |`
  return [row(head), `|${'---|'.repeat(head.length)}`, ...rows.map(row), '']
}

function cell(value: Cell): string {
  return typeof value === 'object' ? `**${escaped(value.text)}**` : escaped(String(value))
}

function code(text: string): string {
  return `\`${plain(text).replaceAll('`', "'")}\``
}

/** What somebody named must not become a link, an image, emphasis or another row. */
function escaped(text: string): string {
  return plain(text).replaceAll(/[\\|[\]<>!*_`#]/g, (sign) => `\\${sign}`)
}
