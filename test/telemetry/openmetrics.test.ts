/** OpenMetrics: what is printed obeys the specification, with the newest trace of each bucket; of workers, of all together. */
import { describe, expect, it } from 'vitest'
import { printMetrics, tellMetrics } from '../../src/telemetry/exposition.ts'
import { configureMetrics, createMetrics, type Metrics } from '../../src/telemetry/metrics.ts'
import { prefersOpenMetrics } from '../../src/telemetry/openmetrics.ts'
import { WorkerMetrics } from '../../src/telemetry/worker-metrics.ts'
import { parseOpenMetrics } from '../rig/openmetrics.ts'

const labels = { route: '/api/chat', model: 'qwen3:8b' }
const traceOf = (digit: string) => digit.repeat(32)
const parentOf = (digit: string) => `00-${traceOf(digit)}-00f067aa0ba902b7-01`

function tracing(): Metrics {
  const metrics = createMetrics()
  configureMetrics(metrics, { labels: new Set(['role']), maxKeys: 1, exemplars: true })
  return metrics
}

function observe(metrics: Metrics, value: number, digit: string, atMs = 1_700_000_000_123, more = {}): void {
  metrics.requestSeconds.observe({ ...labels, ...more }, value)
  metrics.exemplars.observe(
    'requestSeconds',
    { ...labels, ...more },
    { value, traceparent: parentOf(digit), atMs },
  )
}

/** Which trace each bucket with one has. */
function tracesIn(text: string, name = 'torwart_request_duration_seconds') {
  const family = parseOpenMetrics(text).find((each) => each.name === name)
  return (family?.samples ?? []).flatMap(({ labels: { le, role }, exemplar }) =>
    exemplar ? [[role, le, exemplar.labels.trace_id?.[0], exemplar.value, exemplar.timestamp]] : [],
  )
}

describe('the text in OpenMetrics', () => {
  it('obeys the specification, and has every sample of the text format', async () => {
    const metrics = tracing()
    observe(metrics, 0.3, 'a')
    metrics.requests.inc({ route: '/a\\b "c"\n', outcome: 'answered' })
    metrics.upstreamUp.set({ upstream: 'x' }, Number.NaN)
    const families = parseOpenMetrics(await printMetrics(metrics, 'openmetrics'))
    const printed = families.flatMap(({ samples }) => samples.map(({ name }) => name))
    const inText = (await printMetrics(metrics, 'text'))
      .split('\n')
      .flatMap((line) => /^\w+/.exec(line) ?? [])
    expect(new Set(printed)).toEqual(new Set(inText))
    expect(families.find(({ name }) => name === 'torwart_requests')).toMatchObject({
      type: 'counter',
      help: 'Requests by route and outcome.',
      samples: [{ name: 'torwart_requests_total', labels: { route: '/a\\b "c"\n' }, value: 1 }],
    })
    expect(families.find(({ name }) => name === 'process_cpu_seconds')).toMatchObject({ unit: 'seconds' })
  })

  it('leaves the text format as it is', async () => {
    const metrics = tracing()
    observe(metrics, 0.3, 'a')
    const own = async () => (await printMetrics(metrics, 'text')).match(/^.*torwart_.*$/gm)
    const before = await own()
    await printMetrics(metrics, 'openmetrics')
    expect(await own()).toEqual(before)
    expect(before?.join('\n')).not.toContain('trace_id')
  })

  it('names for each bucket the trace of the newest request in it', async () => {
    const metrics = tracing()
    observe(metrics, 0.3, 'a')
    observe(metrics, 0.5, 'b', 1_700_000_001_000)
    observe(metrics, 0.6, 'c')
    observe(metrics, 900, 'd')
    observe(metrics, 0.3, 'e', undefined, { role: 'agent' })
    expect(tracesIn(await printMetrics(metrics, 'openmetrics'))).toEqual([
      [undefined, '0.5', 'b', 0.5, 1_700_000_001],
      [undefined, '1', 'c', 0.6, 1_700_000_000.123],
      [undefined, '+Inf', 'd', 900, 1_700_000_000.123],
      ['agent', '0.5', 'e', 0.3, 1_700_000_000.123],
    ])
  })

  it('keeps traces of so many series only, and none when they are switched off', () => {
    const { exemplars } = tracing()
    const observation = { value: 1, traceparent: parentOf('a'), atMs: 1 }
    for (let count = 0; count < 2500; count++)
      exemplars.observe('firstTokenSeconds', { ...labels, model: `m${count}` }, observation)
    expect(exemplars.list()).toHaveLength(2000)
    exemplars.use(false)
    expect(exemplars.list()).toEqual([])
  })
})

describe('several workers', () => {
  it('have one text together, with the newest trace of all', async () => {
    const [own, first, second] = [tracing(), tracing(), tracing()]
    observe(first, 0.3, 'a', 2000)
    observe(second, 0.4, 'b', 3000)
    observe(first, 2, 'c', 1000)
    const all = new WorkerMetrics()
    // As it comes over the channel.
    for (const [worker, metrics] of [first, second].entries())
      all.take(worker, structuredClone(await tellMetrics(metrics)))
    const text = await all.print(own, 'openmetrics')
    expect(tracesIn(text)).toEqual([
      [undefined, '0.5', 'b', 0.4, 3],
      [undefined, '2.5', 'c', 2, 1],
    ])
    expect(text).toContain('torwart_request_duration_seconds_count{route="/api/chat",model="qwen3:8b"} 3\n')
    expect(await all.print(own, 'text')).toContain('_count{route="/api/chat",model="qwen3:8b"} 3\n')
  })

  it('keep the counts of one that is gone, of further keys together', async () => {
    const metrics = createMetrics()
    for (let key = 0; key < 10_002; key++)
      metrics.tokens.inc({ model: 'm', direction: 'input', key: `k${key}` }, 2)
    const all = new WorkerMetrics()
    all.take(1, await tellMetrics(metrics))
    await all.forget(1)
    const text = await all.print(createMetrics(), 'text')
    expect(text).toContain('{model="m",direction="input",key="k9999"} 2\n')
    expect(text).not.toContain('k10000')
    expect(text).toContain('{model="m",direction="input",key="other"} 4\n')
  })
})

it.each([
  [undefined, false],
  ['*/*', false],
  ['text/plain', false],
  ['application/openmetrics-text', true],
  ['application/openmetrics-text; version=1.0.0; charset=utf-8', true],
  ['application/openmetrics-text;version=0.0.1', false],
  ['application/openmetrics-text;q=0', false],
  ['application/openmetrics-text;q=x', false],
  // Prometheus 2.42 and 3.
  [
    'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1',
    true,
  ],
  [
    'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,text/plain;version=1.0.0;q=0.6',
    false,
  ],
])('takes %s for a wish for OpenMetrics: %s', (accept, wanted) => {
  expect(prefersOpenMetrics(accept)).toBe(wanted)
})
