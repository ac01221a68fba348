/** Open incidents, and which report is due next. Nothing while there is none. */
import { get } from '../../api/client.ts'
import type { Incident, Incidents } from '../../api/types.ts'
import { Badge, Copy, Section, Shown, Time } from '../../parts/basics.tsx'
import { useLoad } from '../../parts/load.ts'
import { type Column, Table } from '../../parts/table.tsx'
import { t, word } from '../../texts/texts.ts'

const everyMs = 30_000

/** The part of the page. */
export function IncidentsSection() {
  const loaded = useLoad('incidents', (options) => get<Incidents>('/admin/v1/incidents', options), everyMs)
  const open = loaded.data?.incidents.filter(({ state }) => state !== 'closed')
  if (open?.length === 0) return null
  return (
    <Section title="incidents.title">
      <Shown loaded={loaded}>
        {() => <Table label="incidents.title" columns={columns} rows={open ?? []} keyOf={({ id }) => id} />}
      </Shown>
    </Section>
  )
}

const columns: readonly Column<Incident>[] = [
  {
    title: 'incidents.state',
    cell: ({ state }) => (
      <Badge tone={state === 'overdue' ? 'bad' : 'warn'}>
        {t(state === 'overdue' ? 'incidents.overdue' : 'incidents.open')}
      </Badge>
    ),
  },
  {
    title: 'incidents.next',
    cell: ({ next }) => (next ? word('notice', next.notice) : t('incidents.allSent')),
  },
  { title: 'incidents.due', cell: ({ next }) => <Time at={next?.due} /> },
  { title: 'incidents.why', cell: ({ why }) => why },
  { title: 'incidents.aware', cell: ({ aware }) => <Time at={aware} /> },
  { title: 'incidents.id', cell: ({ id }) => <Copy text={id} /> },
]
