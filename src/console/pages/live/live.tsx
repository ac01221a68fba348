/** Requests as they come, and the record of one beside them. */
import { useState } from 'preact/hooks'
import { Badge, Empty, PageHead } from '../../parts/basics.tsx'
import { number } from '../../parts/format.ts'
import { pathTo, type Route } from '../../parts/route.ts'
import { VirtualRows } from '../../parts/virtual-rows.tsx'
import { t } from '../../texts/texts.ts'
import { RecordPanel } from '../record/record-panel.tsx'
import { FilterForm, type Filters, filterLabels, filtersIn, liveFilters } from './filters.tsx'
import { type LiveRows, useLiveRows } from './live-rows.ts'
import { requestCells, requestTitles } from './request-cells.tsx'

/** The page. */
export function LivePage({ route }: { route: Route }) {
  const filters = filtersIn(route.query, liveFilters)
  const [isPaused, setPaused] = useState(false)
  const [isUsed, setUsed] = useState(false)
  const live = useLiveRows(filters, isPaused || isUsed)
  const search = route.query.size > 0 ? `?${route.query}` : ''
  const opened = live.rows.find(({ id }) => id === route.id)
  return (
    <>
      <PageHead title="live.title">
        <LiveState live={live} />
        <button type="button" aria-pressed={isPaused} onClick={() => setPaused(!isPaused)}>
          {t(isPaused ? 'live.resume' : 'live.pause')}
        </button>
      </PageHead>
      <FilterForm names={liveFilters} labels={filterLabels} filters={filters} path={pathTo('live')} />
      <div class={route.id === undefined ? 'split' : 'split open'}>
        <div class="split-list">
          <Waiting live={live} isPaused={isPaused} />
          {live.rows.length === 0 ? (
            <NothingYet filters={filters} />
          ) : (
            <VirtualRows
              label="live.title"
              titles={requestTitles}
              rows={live.rows}
              current={route.id}
              onUse={setUsed}
              keyOf={({ id }) => id}
              hrefOf={({ id }) => pathTo('live', id) + search}
              cellsOf={requestCells}
            />
          )}
        </div>
        {route.id !== undefined && (
          <RecordPanel key={route.id} id={route.id} time={opened?.time} closeTo={pathTo('live') + search} />
        )}
      </div>
    </>
  )
}

function LiveState({ live: { isOpen, rows, dropped } }: { live: LiveRows }) {
  return (
    <p class="state" role="status">
      <Badge tone={isOpen ? 'good' : 'warn'}>{t(isOpen ? 'live.open' : 'live.lost')}</Badge>
      <span class="dim">{t('live.rows', { count: number(rows.length) })}</span>
      {dropped > 0 && <span class="dim">{t('live.dropped', { count: number(dropped) })}</span>}
    </p>
  )
}

/** Its place is kept, so that nothing moves when rows wait. */
function Waiting({ live, isPaused }: { live: LiveRows; isPaused: boolean }) {
  return (
    <div class="waiting">
      {live.waiting > 0 && (
        <button type="button" class="link" onClick={live.flush}>
          {t('live.waiting', { count: number(live.waiting) })}
        </button>
      )}
      {live.waiting === 0 && <span class="dim">{t(isPaused ? 'live.paused' : 'live.newestFirst')}</span>}
    </div>
  )
}

function NothingYet({ filters }: { filters: Filters }) {
  if (Object.keys(filters).length > 0) return <Empty title="live.emptyFiltered" how="live.emptyFilteredHow" />
  return <Empty title="live.empty" how="live.emptyHow" />
}
