/** Model servers: which are up, what runs on them and what waits. */
import { get } from '../../api/client.ts'
import type { Status, Upstream } from '../../api/types.ts'
import { Badge, Section, Shown } from '../../parts/basics.tsx'
import { number, span } from '../../parts/format.ts'
import { useLoad } from '../../parts/load.ts'
import { type Column, Table } from '../../parts/table.tsx'
import { t } from '../../texts/texts.ts'

const everyMs = 3000

/** The part of the page. */
export function UpstreamsSection() {
  const status = useLoad('status', (options) => get<Status>('/admin/v1/status', options), everyMs)
  return (
    <Section title="upstreams.title">
      <Shown loaded={status}>
        {({ upstreams, requests, version, workers, startedAt, now }) => (
          <>
            <p class="meta">
              <span>{t('upstreams.running', { count: number(requests.inflight) })}</span>
              <span>{t('upstreams.queued', { count: number(requests.queued) })}</span>
              <span class="dim">
                {t('upstreams.gateway', { version, span: span(Date.parse(now) - Date.parse(startedAt)) })}
              </span>
              {workers && (
                <span class="dim">
                  {t('upstreams.workers', { ready: number(workers.ready), wanted: number(workers.wanted) })}
                </span>
              )}
            </p>
            <Table label="upstreams.title" columns={columns} rows={upstreams} keyOf={({ name }) => name} />
          </>
        )}
      </Shown>
    </Section>
  )
}

const columns: readonly Column<Upstream>[] = [
  { title: 'upstreams.name', cell: ({ name }) => name },
  { title: 'upstreams.kind', cell: ({ kind }) => kind },
  { title: 'upstreams.state', cell: (upstream) => <Health of={upstream} /> },
  { title: 'upstreams.inflight', isNumber: true, cell: ({ inflight }) => number(inflight) },
  { title: 'upstreams.models', isNumber: true, cell: ({ models }) => number(models.length) },
]

function Health({ of: { up, ejected } }: { of: Upstream }) {
  if (!up) return <Badge tone="bad">{t('upstreams.down')}</Badge>
  if (ejected) return <Badge tone="warn">{t('upstreams.ejected')}</Badge>
  return <Badge tone="good">{t('upstreams.up')}</Badge>
}
