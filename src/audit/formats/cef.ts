/** ArcSight's Common Event Format, version 0: what blocked or flagged weighs more, texts stay out. */

import { plain } from '../../core/plain.ts'
import { type Entry, modelOf, outcomeOf } from '../write/entry.ts'

/** Backslash and the separator of the place are escaped; newlines, which could begin an event of their own, are gone. */
const inHeader = (text: string) => plain(text).replaceAll(/[\\|]/g, (sign) => `\\${sign}`)
const inExtension = (text: string) => plain(text).replaceAll(/[\\=]/g, (sign) => `\\${sign}`)

/**
 * Prints an entry as one line of CEF (ArcSight Common Event Format).
 * @param chain the name of a worker's chain; empty for the log itself
 */
export function toCef(entry: Entry, chain = ''): string {
  const outcome = outcomeOf(entry)
  const [finding] = entry.findings ?? []
  const head = [
    'CEF:0',
    'Torwart',
    'torwart',
    '1',
    finding?.id ?? outcome,
    entry.event ?? outcome,
    severityOf(entry),
  ]
  const extension: readonly (readonly [string, unknown])[] = [
    ['rt', Date.parse(entry.time)],
    ['externalId', entry.seq],
    ['src', entry.peer],
    ['suid', entry.identity?.id],
    ['suser', entry.identity?.name],
    ['spriv', entry.identity?.role],
    ['request', entry.route],
    ['outcome', outcome],
    ['reason', entry.ending?.code],
    ['cs1Label', 'model'],
    ['cs1', modelOf(entry)],
    ['cs2Label', 'requestId'],
    ['cs2', entry.id],
    ['cs3Label', 'traceparent'],
    ['cs3', entry.traceparent],
    ['cs4Label', 'hash'],
    ['cs4', entry.hash],
    ...(chain === ''
      ? []
      : ([
          ['cs5Label', 'chain'],
          ['cs5', chain],
        ] as const)),
    ['msg', entry.why],
  ]
  const told = extension.flatMap(([name, value]) =>
    value === undefined || value === null || value === '' ? [] : [`${name}=${inExtension(String(value))}`],
  )
  return `${head.map((each, index) => (index < 4 ? each : inHeader(String(each)))).join('|')}|${told.join(' ')}`
}

const graveEvents: ReadonlySet<string> = new Set([
  'gap',
  'repair',
  'clock set back',
  'frozen',
  'breaker opened',
  'model drifted',
  'model lock unusable',
])

/** Rates an entry from 0 to 10. */
export function severityOf({ ending, event, findings = [] }: Entry): number {
  if (event !== undefined) return graveEvents.has(event) ? 8 : 2
  if (ending?.code?.endsWith('_blocked')) return 8
  if (findings.some(({ action }) => action === 'block')) return 8
  if (findings.length > 0) return 5
  return ending?.kind === 'refused' ? 4 : 1
}
