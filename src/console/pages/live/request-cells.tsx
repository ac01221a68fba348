/** A request in the cells of a row. */
import type { ComponentChildren } from 'preact'
import type { LiveFinding, LiveRow } from '../../api/types.ts'
import { Badge, Outcome, Time } from '../../parts/basics.tsx'
import { milliseconds, number } from '../../parts/format.ts'
import { type TextKey, t, word } from '../../texts/texts.ts'

/** The titles of the cells. */
export const requestTitles: readonly TextKey[] = [
  'request.time',
  'request.key',
  'request.route',
  'request.model',
  'request.outcome',
  'request.findings',
  'request.tokens',
  'request.took',
]

/** The cells of a request, or of an event of the log. */
export function requestCells(row: LiveRow): readonly ComponentChildren[] {
  const { time, key, route, model, outcome, findings, tokens, ms } = row
  if (row.event) return eventCells(row)
  return [
    <Time at={time} />,
    key ? <span title={`${key.name} (${key.id})`}>{key.name || key.id}</span> : <Nobody />,
    <code>{route}</code>,
    <span title={model ?? ''}>{model ?? '–'}</span>,
    <Outcome outcome={outcome} />,
    <Findings findings={findings} />,
    tokens ? `${number(tokens.in)} → ${number(tokens.out)}` : '–',
    milliseconds(ms),
  ]
}

function eventCells({ time, event, by, why }: LiveRow): readonly ComponentChildren[] {
  return [
    <Time at={time} />,
    by ?? '–',
    '',
    '',
    <Badge tone="plain">{event}</Badge>,
    <span title={why ?? ''}>{why ?? ''}</span>,
    '',
    '',
  ]
}

function Nobody() {
  return <span class="dim">{t('request.nobody')}</span>
}

/** Findings by category, the ones that blocked first. */
function Findings({ findings }: { findings: readonly LiveFinding[] }) {
  const blocking = findings.some(({ action }) => action === 'block')
  const categories = [...new Set(findings.map(({ category }) => category))]
  const [first] = categories
  if (first === undefined) return <span class="dim">–</span>
  return (
    <span title={categories.join(', ')}>
      <Badge tone={blocking ? 'bad' : 'warn'}>
        {word('category', first)}
        {categories.length > 1 && ` +${categories.length - 1}`}
      </Badge>
    </span>
  )
}
