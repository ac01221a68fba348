/** One line a record, for people: columns of a fixed width, so that the first line need not wait for the last. */

import { plain } from '../../core/plain.ts'
import { type Entry, modelOf, outcomeOf } from '../write/entry.ts'

const maxCalls = 3
const maxCallLength = 160

const columns: readonly (readonly [name: string, width: number, value: (entry: Entry) => unknown])[] = [
  ['seq', 8, ({ seq }) => seq],
  ['time', 24, ({ time }) => time],
  ['who', 16, ({ identity, by }) => identity?.name ?? by ?? '-'],
  ['peer', 15, ({ peer }) => peer ?? '-'],
  ['route', 22, ({ route }) => route ?? '-'],
  ['model', 20, (entry) => modelOf(entry) || '-'],
  ['outcome', 20, outcomeOf],
  ['request', 24, ({ id }) => id ?? '-'],
  ['tokens', 11, ({ usage }) => (usage ? `${usage.input}+${usage.output}` : '-')],
  ['findings', 0, findingsOf],
]

export const tableHead = `${columns.map(([name, width]) => name.padEnd(width)).join(' ')}\n`

export function toRow(entry: Entry): string {
  const cells = columns.map(([, width, value]) => fit(plain(value(entry)), width))
  return `${cells.join(' ').trimEnd()}\n`
}

function findingsOf(entry: Entry): string {
  const { findings = [], erased, why } = entry
  const told = [...new Set(findings.map(({ id, action }) => `${id}:${action}`))]
  const gone = erased === undefined ? [] : ['(content erased)']
  return [...told, ...stoppedIn(entry), ...gone, why ?? ''].filter(Boolean).join(' ')
}

/** Tool calls that the client did not get, as `name(arguments)`. */
function stoppedIn({ stopped }: Entry): string[] {
  if (!Array.isArray(stopped)) return []
  const calls = stopped.slice(0, maxCalls) as readonly { name?: unknown; arguments?: unknown }[]
  const told = calls.map((call) =>
    shortened(`${String(call?.name)}(${String(call?.arguments)})`, maxCallLength),
  )
  return stopped.length > maxCalls ? [...told, `and ${stopped.length - maxCalls} more calls`] : told
}

function fit(text: string, width: number): string {
  return width === 0 ? text : shortened(text, width).padEnd(width)
}

function shortened(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, width - 1)}\u2026`
}
