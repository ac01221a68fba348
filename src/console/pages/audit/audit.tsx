/** The audit log: search, verify, report, export; incidents, and what is unusual. */
import { PageHead } from '../../parts/basics.tsx'
import { pathTo, type Route } from '../../parts/route.ts'
import { RecordPanel } from '../record/record-panel.tsx'
import { AnomaliesSection } from './anomalies.tsx'
import { IncidentsSection } from './incidents.tsx'
import { ReportSection } from './report.tsx'
import { SearchSection } from './search.tsx'
import { VerifySection } from './verify.tsx'

/** The page. */
export function AuditPage({ route }: { route: Route }) {
  const closeTo = pathTo('audit') + (route.query.size > 0 ? `?${route.query}` : '')
  const time = route.query.get('at') ?? undefined
  return (
    <>
      <PageHead title="audit.title" />
      <div class={route.id === undefined ? 'split' : 'split open'}>
        <div class="split-list">
          <IncidentsSection />
          <AnomaliesSection />
          <SearchSection route={route} />
          <VerifySection />
          <ReportSection />
        </div>
        {route.id !== undefined && <RecordPanel key={route.id} id={route.id} time={time} closeTo={closeTo} />}
      </div>
    </>
  )
}
