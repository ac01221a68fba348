/** One line a record, for people: columns of a fixed width, so that the first line need not wait for the last. */

import { cut, tableRow } from '../../core/table.ts'
import { type Entry, modelOf, outcomeOf } from '../write/entry.ts'
import type { RecordedFinding } from '../write/record.ts'

const maxCalls = 3
const maxCallLength = 160
const maxToolLength = 64

type Value = (entry: Entry, chain: string) => unknown

const columns: readonly (readonly [name: string, width: number, value: Value])[] = [
  ['seq', 8, ({ seq }, chain) => (chain === '' ? seq : `${chain}:${seq}`)],
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

const widths = columns.map(([, width]) => width)

/** The header line. */
export const tableHead = tableRow(
  columns.map(([name]) => name),
  widths,
  1,
)

/** Prints a record as one line. @param chain the name of a worker's chain; empty for the log itself */
export function toRow(entry: Entry, chain = ''): string {
  return tableRow(
    columns.map(([, , value]) => value(entry, chain)),
    widths,
    1,
  )
}

function findingsOf(entry: Entry): string {
  const { findings = [], erased, why, tool } = entry
  const told = [...new Set(findings.map(findingOf))]
  const ofEvent = typeof tool === 'string' ? [cut(tool, maxToolLength)] : []
  const gone = erased === undefined ? [] : ['(content erased)']
  return [...ofEvent, ...told, ...stoppedIn(entry), ...gone, why ?? ''].filter(Boolean).join(' ')
}

/** A finding, with the tool if it is about one: `tool.changed:block(read_file)`. */
function findingOf({ id, action, tool }: RecordedFinding): string {
  return `${id}:${action}${typeof tool === 'string' ? `(${cut(tool, maxToolLength)})` : ''}`
}

/** Tool calls that the client did not get, as `name(arguments)`. */
function stoppedIn({ stopped }: Entry): string[] {
  if (!Array.isArray(stopped)) return []
  const calls = stopped.slice(0, maxCalls) as readonly { name?: unknown; arguments?: unknown }[]
  const told = calls.map((call) => cut(`${String(call?.name)}(${String(call?.arguments)})`, maxCallLength))
  return stopped.length > maxCalls ? [...told, `and ${stopped.length - maxCalls} more calls`] : told
}
