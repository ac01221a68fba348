/** How much of the limits is used, and by whom; how model servers and models are; what was used over time. */
import { get } from '../../api/client.ts'
import type { LimitRow, LimitUse } from '../../api/types.ts'
import { Badge, Copy, Empty, PageHead, Section, Shown } from '../../parts/basics.tsx'
import { number, span } from '../../parts/format.ts'
import { useLoad } from '../../parts/load.ts'
import { type Column, Table } from '../../parts/table.tsx'
import { t, word } from '../../texts/texts.ts'
import { ModelsSection } from './models.tsx'
import { UpstreamsSection } from './upstreams.tsx'
import { UsageSection } from './usage.tsx'

const everyMs = 3000

/** The page. */
export function LimitsPage() {
  const limits = useLoad(
    'limits',
    async (options) => (await get<{ rows: LimitRow[] }>('/admin/v1/limits', options)).rows,
    everyMs,
  )
  return (
    <>
      <PageHead title="limits.title" />
      <UpstreamsSection />
      <Section title="limits.now">
        <Shown loaded={limits}>
          {(rows) =>
            rows.length === 0 ? (
              <Empty title="limits.empty" how="limits.emptyHow" />
            ) : (
              <Table
                label="limits.now"
                columns={columns}
                rows={rows}
                keyOf={({ scope, id }) => `${scope} ${id}`}
              />
            )
          }
        </Shown>
      </Section>
      <UsageSection />
      <ModelsSection />
    </>
  )
}

const columns: readonly Column<LimitRow>[] = [
  { title: 'limits.scope', cell: ({ scope }) => word('scope', scope) },
  {
    title: 'limits.name',
    cell: ({ id, name }) => (
      <>
        {name} {id !== name && id !== '' && <Copy text={id} />}
      </>
    ),
  },
  {
    title: 'limits.used',
    cell: ({ limits }) => (
      <div class="meters">
        {limits.map((use) => (
          <Meter key={use.kind} use={use} />
        ))}
        {limits.length === 0 && <span class="dim">{t('rights.none')}</span>}
      </div>
    ),
  },
  {
    title: 'limits.concurrent',
    isNumber: true,
    cell: ({ concurrent }) =>
      concurrent
        ? [concurrent.used, ...(concurrent.limit === null ? [] : [concurrent.limit])]
            .map((each) => number(each))
            .join(' / ')
        : '–',
  },
  {
    title: 'limits.breaker',
    cell: ({ breaker, breakerUntil }) =>
      breaker ? (
        <>
          <Badge tone={breaker === 'closed' ? 'good' : 'bad'}>{word('breaker', breaker)}</Badge>{' '}
          {breakerUntil && (
            <span class="dim">
              {t('limits.resets', { span: span(Date.parse(breakerUntil) - Date.now()) })}
            </span>
          )}
        </>
      ) : (
        <span class="dim">–</span>
      ),
  },
]

const nearlyUsed = 0.8

function Meter({ use: { kind, limit, used, resetsAt } }: { use: LimitUse }) {
  const resets =
    resetsAt === null ? '' : t('limits.resets', { span: span(Date.parse(resetsAt) - Date.now()) })
  return (
    <div class="meter" title={resets}>
      <span>{word('limitKind', kind)}</span>
      <meter
        aria-label={word('limitKind', kind)}
        min={0}
        max={limit}
        high={nearlyUsed * limit}
        optimum={0}
        value={Math.min(used, limit)}
      />
      <span class="num">
        {number(used)} / {number(limit)}
      </span>
    </div>
  )
}
