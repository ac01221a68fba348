/** What the dashboards are put together from. */
import {
  LegendDisplayMode,
  LegendPlacement,
  VizLegendOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common'
import {
  DashboardBuilder,
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  VariableRefresh,
} from '@grafana/grafana-foundation-sdk/dashboard'
import { DataqueryBuilder } from '@grafana/grafana-foundation-sdk/prometheus'
import { PanelBuilder as StatBuilder } from '@grafana/grafana-foundation-sdk/stat'
import { PanelBuilder as SeriesBuilder } from '@grafana/grafana-foundation-sdk/timeseries'

const datasource = { type: 'prometheus', uid: '$' + '{datasource}' }
/** Of the gateways that were chosen. */
export const chosen = 'instance=~"$instance"'

/** Of the keys that were chosen; needs the label `key` of `telemetry.metrics.labels`. */
export const chosenKey = `${chosen}, key=~"$key"`

/** A query, and what its series are called: text with `{{label}}`. */
export type Query = readonly [expression: string, legend: string]

/** A panel of lines over time. @param unit as Grafana names it: `reqps`, `s`, `short` … */
export function series(
  title: string,
  description: string,
  unit: string,
  queries: readonly Query[],
): SeriesBuilder {
  const legend = new VizLegendOptionsBuilder()
    .showLegend(true)
    .displayMode(LegendDisplayMode.List)
    .placement(LegendPlacement.Bottom)
  const panel = new SeriesBuilder()
    .title(title)
    .description(description)
    .datasource(datasource)
    .unit(unit)
    .min(0)
    .legend(legend)
    .span(12)
    .height(8)
  return withTargets(panel, queries)
}

/** A panel with one number. */
export function stat(title: string, description: string, unit: string, expression: string): StatBuilder {
  const panel = new StatBuilder()
    .title(title)
    .description(description)
    .datasource(datasource)
    .unit(unit)
    .span(4)
    .height(4)
  return withTargets(panel, [[expression, '']])
}

function withTargets<P extends SeriesBuilder | StatBuilder>(panel: P, queries: readonly Query[]): P {
  for (const [index, [expression, legend]] of queries.entries()) {
    const refId = String.fromCharCode('A'.charCodeAt(0) + index)
    panel.withTarget(new DataqueryBuilder().expr(expression).legendFormat(legend).refId(refId))
  }
  return panel
}

/** A dashboard whose data source and gateways can be chosen. */
export function dashboard(title: string, uid: string, description: string): DashboardBuilder {
  const instances = new QueryVariableBuilder('instance')
    .label('Gateway')
    .datasource(datasource)
    .query('label_values(torwart_policy_info, instance)')
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .multi(true)
    .includeAll(true)
  return new DashboardBuilder(title)
    .uid(uid)
    .description(description)
    .tags(['torwart'])
    .time({ from: 'now-6h', to: 'now' })
    .refresh('30s')
    .timezone('browser')
    .withVariable(new DatasourceVariableBuilder('datasource').label('Data source').type('prometheus'))
    .withVariable(instances)
}

/** Lets keys be chosen: those that have series of their own. */
export function withKeys(board: DashboardBuilder): DashboardBuilder {
  const keys = new QueryVariableBuilder('key')
    .label('Key')
    .datasource(datasource)
    .query('label_values(torwart_requests_total, key)')
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .multi(true)
    .includeAll(true)
  return board.withVariable(keys)
}
