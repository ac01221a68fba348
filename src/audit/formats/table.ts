/** One line a record, for people: columns of a fixed width, so that the first line need not wait for the last. */

import { plain } from '../../core/plain.ts'
import { type Entry, modelOf, outcomeOf } from '../entry.ts'

const columns: readonly (readonly [name: string, width: number, value: (entry: Entry) => unknown])[] = [
  ['seq', 8, ({ seq }) => seq],
  ['time', 24, ({ time }) => time],
  ['who', 16, ({ identity, by }) => identity?.name ?? by ?? '-'],
  ['peer', 15, ({ peer }) => peer ?? '-'],
  ['route', 22, ({ route }) => route ?? '-'],
  ['model', 20, (entry) => modelOf(entry) || '-'],
  ['outcome', 20, outcomeOf],
  ['tokens', 11, ({ usage }) => (usage ? `${usage.input}+${usage.output}` : '-')],
  ['findings', 0, findingsOf],
]

export const tableHead = `${columns.map(([name, width]) => name.padEnd(width)).join(' ')}\n`

export function toRow(entry: Entry): string {
  const cells = columns.map(([, width, value]) => fit(plain(value(entry)), width))
  return `${cells.join(' ').trimEnd()}\n`
}

function findingsOf({ findings = [], erased, why }: Entry): string {
  const told = [...new Set(findings.map(({ id, action }) => `${id}:${action}`))]
  return [...told, ...(erased === undefined ? [] : ['(content erased)']), why ?? ''].filter(Boolean).join(' ')
}

function fit(text: string, width: number): string {
  if (width === 0 || text.length === width) return text
  return text.length < width ? text.padEnd(width) : `${text.slice(0, width - 1)}\u2026`
}
