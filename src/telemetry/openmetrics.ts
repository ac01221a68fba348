/**
 * Prints metrics in OpenMetrics 1.0.0 (https://prometheus.io/docs/specs/om/open_metrics_spec/), with exemplars. prom-client
 * can, too, but then renames the counters of its registry for good.
 *
 * Bounds of buckets are written as in Prometheus' text format (`1`, not `1.0`, which the specification only advises), so
 * that a series keeps its name whichever format a scrape asks for.
 */
import type { Registry } from 'prom-client'
import type { Exemplar } from './exemplars.ts'

/** The media type of what is printed here. */
export const openMetricsType = 'application/openmetrics-text; version=1.0.0; charset=utf-8'

/** The metrics of one process, as prom-client gives them away. */
export type ProcessMetrics = Awaited<ReturnType<Registry['getMetricsAsJSON']>>

type Metric = ProcessMetrics[number]
type Labels = Readonly<Record<string, string | number | undefined>>
/** The newest exemplar of each sample, by its name and labels as printed. */
type BySample = ReadonlyMap<string, Exemplar>

/** @param exemplars of these metrics; of several for one sample, the newest is printed */
export function printOpenMetrics(metrics: ProcessMetrics, exemplars: readonly Exemplar[]): string {
  const newest = newestOf(exemplars)
  return `${metrics.map((metric) => printFamily(metric, newest)).join('')}# EOF\n`
}

function newestOf(exemplars: readonly Exemplar[]): BySample {
  const newest = new Map<string, Exemplar>()
  for (const exemplar of exemplars) {
    const sample = sampleName(exemplar.name, { ...exemplar.labels })
    const { atMs } = newest.get(sample) ?? { atMs: 0 }
    if (exemplar.atMs >= atMs) newest.set(sample, exemplar)
  }
  return newest
}

function printFamily({ name, help, type, values }: Metric, exemplars: BySample): string {
  // prom-client's type has it as a number, but it holds the word.
  const kind = String(type)
  const isCounter = kind === 'counter'
  const family = isCounter ? name.replace(/_total$/, '') : name
  const unit = /_(seconds|bytes)$/.exec(family)?.[1]
  const lines = [
    `# TYPE ${family} ${kind}`,
    ...(unit === undefined ? [] : [`# UNIT ${family} ${unit}`]),
    `# HELP ${family} ${escaped(help)}`,
  ]
  for (const value of values) {
    const own = 'metricName' in value && typeof value.metricName === 'string' ? value.metricName : family
    const sample = sampleName(isCounter ? `${family}_total` : own, value.labels)
    const exemplar = kind === 'histogram' ? exemplars.get(sample) : undefined
    lines.push(`${sample} ${printNumber(value.value)}${exemplar ? printExemplar(exemplar) : ''}`)
  }
  return `${lines.join('\n')}\n`
}

function sampleName(name: string, labels: Labels): string {
  const printed: string[] = []
  for (const [label, value] of Object.entries(labels))
    if (value !== undefined) printed.push(`${label}="${escaped(String(value))}"`)
  return printed.length === 0 ? name : `${name}{${printed.join(',')}}`
}

function printExemplar({ trace, value, atMs }: Exemplar): string {
  return ` # {trace_id="${trace}"} ${printNumber(value)} ${(atMs / 1000).toFixed(3)}`
}

function printNumber(value: number): string {
  if (Number.isNaN(value)) return 'NaN'
  if (Number.isFinite(value)) return String(value)
  return value > 0 ? '+Inf' : '-Inf'
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"')
}

/**
 * Whether a scraper would rather have OpenMetrics than Prometheus' text format.
 * @param accept the header `accept`
 */
export function prefersOpenMetrics(accept = ''): boolean {
  const wishes = accept.split(',').map((wish) => {
    const [type, ...parameters] = wish.split(';').map((part) => part.trim().toLowerCase())
    const parameter = (name: string) =>
      parameters.find((each) => each.startsWith(`${name}=`))?.slice(name.length + 1)
    const quality = Number(parameter('q') ?? 1)
    return { type, version: parameter('version') ?? '1.0.0', quality: quality > 0 ? quality : 0 }
  })
  const best = (some: typeof wishes) => Math.max(0, ...some.map(({ quality }) => quality))
  const ours = best(
    wishes.filter(({ type, version }) => type === 'application/openmetrics-text' && version === '1.0.0'),
  )
  return ours > 0 && ours >= best(wishes.filter(({ type }) => type === 'text/plain'))
}
