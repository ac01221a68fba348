/** What is unusual for a key or a model, compared with what it did before. */
import { get } from '../../api/client.ts'
import type { Anomalies, Anomaly } from '../../api/types.ts'
import { Badge, Copy, Empty, Section, Shown, Time } from '../../parts/basics.tsx'
import { number } from '../../parts/format.ts'
import { useLoad } from '../../parts/load.ts'
import { pathTo } from '../../parts/route.ts'
import { type Column, Table } from '../../parts/table.tsx'
import { t, word } from '../../texts/texts.ts'

const everyMs = 10_000

/** The part of the page. */
export function AnomaliesSection() {
  const loaded = useLoad('anomalies', (options) => get<Anomalies>('/admin/v1/anomalies', options), everyMs)
  return (
    <Section title="anomalies.title">
      <Shown loaded={loaded}>
        {({ anomalies, learning }) => (
          <>
            {anomalies.length === 0 ? (
              <Empty title="anomalies.empty" how="anomalies.emptyHow" />
            ) : (
              <Table label="anomalies.title" columns={columns} rows={anomalies} keyOf={({ id }) => id} />
            )}
            {learning.length > 0 && (
              <p class="hint">{t('anomalies.learning', { count: number(learning.length) })}</p>
            )}
          </>
        )}
      </Shown>
    </Section>
  )
}

const columns: readonly Column<Anomaly>[] = [
  {
    title: 'anomalies.state',
    cell: ({ state }) => (
      <Badge tone={state === 'open' ? 'warn' : 'plain'}>
        {t(state === 'open' ? 'anomalies.open' : 'anomalies.over')}
      </Badge>
    ),
  },
  { title: 'anomalies.kind', cell: ({ kind }) => word('anomaly', kind) },
  {
    title: 'anomalies.subject',
    cell: ({ subject }) => (
      <>
        {word('subject', subject.kind)} <Copy text={subject.id} />
      </>
    ),
  },
  { title: 'anomalies.now', cell: ({ now }) => now },
  { title: 'anomalies.usual', cell: ({ usual }) => usual },
  { title: 'anomalies.since', cell: ({ since }) => <Time at={since} /> },
  {
    title: 'anomalies.records',
    cell: ({ records }) => (
      <span class="names">
        {records.slice(0, 3).map((id) => (
          <a key={id} href={pathTo('audit', id)}>
            {id.slice(-8)}
          </a>
        ))}
      </span>
    ),
  },
]
