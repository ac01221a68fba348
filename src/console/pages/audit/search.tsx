/** Search in the audit log, newest first, a page at a time. */
import { useEffect, useState } from 'preact/hooks'
import { getInTurn, queryOf } from '../../api/client.ts'
import type { LiveRow, RecordsPage } from '../../api/types.ts'
import { Empty, Problem, Section, Time } from '../../parts/basics.tsx'
import { useAction } from '../../parts/load.ts'
import { pathTo, type Route } from '../../parts/route.ts'
import { VirtualRows } from '../../parts/virtual-rows.tsx'
import { t } from '../../texts/texts.ts'
import { FilterForm, type Filters, filterLabels, filtersIn, liveFilters } from '../live/filters.tsx'
import { requestCells, requestTitles } from '../live/request-cells.tsx'

const names = ['since', 'until', ...liveFilters]
const pageSize = '100'

/** The part of the page. */
export function SearchSection({ route }: { route: Route }) {
  const filters = filtersIn(route.query, names)
  const found = useRecords(filters)
  const search = route.query.size > 0 ? `?${route.query}` : ''
  const isEmpty = found.rows.length === 0 && !found.isBusy && !found.problem && found.next === null
  return (
    <Section title="audit.search">
      <FilterForm names={names} labels={filterLabels} filters={filters} path={pathTo('audit')} />
      <Problem error={found.problem} />
      {isEmpty && <Empty title="audit.empty" how="audit.emptyHow" />}
      {found.rows.length > 0 && (
        <VirtualRows
          label="audit.search"
          titles={requestTitles}
          rows={found.rows}
          current={route.id}
          keyOf={nameOf}
          hrefOf={(row) => pathTo('audit', nameOf(row)) + search}
          cellsOf={requestCells}
        />
      )}
      <p class="actions">
        {found.next !== null && (
          <button type="button" disabled={found.isBusy} onClick={found.more}>
            {t(found.isBusy ? 'loading' : 'audit.more')}
          </button>
        )}
        {found.scannedTo && (
          <span class="dim">
            {t('audit.scannedTo')} <Time at={found.scannedTo} />
          </span>
        )}
      </p>
    </Section>
  )
}

/** Events have no id; their place in the log names them. */
function nameOf({ id, ref, event }: LiveRow): string {
  return event && ref ? ref : (id ?? ref ?? '')
}

function useRecords(filters: Filters) {
  const [rows, setRows] = useState<readonly LiveRow[]>([])
  const [next, setNext] = useState<string | null>(null)
  const [scannedTo, setScannedTo] = useState<string | null>(null)
  const { isBusy, problem, run } = useAction()
  const query = queryOf(filters)
  const load = (cursor: string | undefined) =>
    run(async () => {
      const path = `/admin/v1/records${queryOf({ ...filters, limit: pageSize, cursor })}`
      const page = await getInTurn<RecordsPage>(path)
      setRows((before) => (cursor === undefined ? page.records : [...before, ...page.records]))
      setNext(page.next)
      setScannedTo(page.scannedTo ?? null)
    })
  useEffect(() => {
    setRows([])
    setNext(null)
    void load(undefined)
  }, [query])
  return { rows, next, scannedTo, isBusy, problem, more: () => void load(next ?? undefined) }
}
