/** The labels `role` and `key`: only where the policy wants them, from closed sets, and with an end. */
import { describe, expect, it } from 'vitest'
import type { Identity } from '../../src/auth/identity.ts'
import { callerLabels, countFindings } from '../../src/pipeline/labels.ts'
import type { CallerLabel } from '../../src/telemetry/caller-labels.ts'
import { configureMetrics, createMetrics, forgetCallers } from '../../src/telemetry/metrics.ts'

function metricsWith(labels: readonly CallerLabel[], maxKeys = 200) {
  const metrics = createMetrics()
  configureMetrics(metrics, { labels: new Set(labels), maxKeys, exemplars: false })
  return metrics
}

const keyed = (id: string, role = 'agent'): Identity => ({ kind: 'key', id, name: 'somebody', role })
const finding = { guard: 'prompt', category: 'LLM01', action: 'block' } as const

async function seriesOf(metrics: ReturnType<typeof createMetrics>, name: string) {
  const text = await metrics.registry.getSingleMetricAsString(name)
  return text.split('\n').filter((line) => !line.startsWith('#'))
}

describe('labels of callers', () => {
  it('are absent unless the policy asks for them, so that series are as they always were', async () => {
    const metrics = metricsWith([])
    expect(callerLabels(metrics, keyed('k1ABCD'))).toEqual({})
    expect(callerLabels(metrics, undefined)).toEqual({})
    countFindings(metrics, keyed('k1ABCD'), finding)
    metrics.requestSeconds.observe({ route: '/api/chat', model: 'none' }, 0.2)
    expect(await metrics.registry.getSingleMetricAsString('torwart_findings_total')).toBe(
      '# HELP torwart_findings_total Findings of the guards, by category and action.\n' +
        '# TYPE torwart_findings_total counter\n' +
        'torwart_findings_total{guard="prompt",category="LLM01",action="block"} 1',
    )
    expect(await seriesOf(metrics, 'torwart_request_duration_seconds')).toContain(
      'torwart_request_duration_seconds_bucket{le="0.25",route="/api/chat",model="none"} 1',
    )
  })

  it('name the role and the key', async () => {
    const metrics = metricsWith(['role', 'key'])
    countFindings(metrics, keyed('k1ABCD'), finding, 3)
    expect(await seriesOf(metrics, 'torwart_findings_total')).toEqual([
      'torwart_findings_total{guard="prompt",category="LLM01",action="block",role="agent",key="k1ABCD"} 3',
    ])
    expect(callerLabels(metricsWith(['role']), keyed('k1ABCD'))).toEqual({ role: 'agent' })
    expect(callerLabels(metricsWith(['key']), keyed('k1ABCD'))).toEqual({ key: 'k1ABCD' })
  })

  it('call a request without a known caller `none`', () => {
    expect(callerLabels(metricsWith(['role', 'key']), undefined)).toEqual({ role: 'none', key: 'none' })
  })

  it('count a token as its key, and never show the id that another system gives a person', () => {
    const metrics = metricsWith(['key'])
    const token = { ...keyed('t9wxyz'), kind: 'token', from: ['k1ABCD', 't8wxyz'] } as const
    expect(callerLabels(metrics, token)).toEqual({ key: 'k1ABCD' })
    for (const kind of ['jwt', 'certificate'] as const)
      expect(callerLabels(metrics, { ...keyed(`${kind}:erika@example.org`), kind })).toEqual({ key: 'other' })
  })

  it('count the keys beyond so many together', () => {
    const metrics = metricsWith(['key'], 2)
    const seen = ['aaaa', 'bbbb', 'cccc', 'aaaa', 'dddd'].map((id) => callerLabels(metrics, keyed(id)).key)
    expect(seen).toEqual(['aaaa', 'bbbb', 'other', 'aaaa', 'other'])
  })
})

describe('after a reload', () => {
  const isKey = (id: string) => id !== 'aaaa'
  const isRole = (name: string) => name !== 'gone'

  it('series of keys and roles that are gone are gone, and all others stay', async () => {
    const metrics = metricsWith(['role', 'key'], 2)
    for (const caller of [keyed('aaaa'), keyed('bbbb'), keyed('bbbb', 'gone'), keyed('cccc'), undefined]) {
      const labels = callerLabels(metrics, caller)
      metrics.requests.inc({ route: '/api/chat', outcome: 'answered', ...labels })
      metrics.requestSeconds.observe({ route: '/api/chat', model: 'none', role: labels.role ?? '' }, 1)
    }
    await forgetCallers(metrics, { isRole, isKey })
    const requests = await seriesOf(metrics, 'torwart_requests_total')
    expect(requests.map((line) => /role="(.*)",key="(.*)"/.exec(line)?.slice(1))).toEqual([
      ['agent', 'bbbb'],
      ['agent', 'other'],
      ['none', 'none'],
    ])
    const seconds = (await seriesOf(metrics, 'torwart_request_duration_seconds')).join('\n')
    expect(seconds).toContain('role="agent"')
    expect(seconds).not.toContain('role="gone"')
  })

  it('a new key has the place of one that is gone', async () => {
    const metrics = metricsWith(['key'], 1)
    expect(callerLabels(metrics, keyed('aaaa'))).toEqual({ key: 'aaaa' })
    expect(callerLabels(metrics, keyed('bbbb'))).toEqual({ key: 'other' })
    await forgetCallers(metrics, { isRole, isKey })
    expect(callerLabels(metrics, keyed('bbbb'))).toEqual({ key: 'bbbb' })
  })

  it('series without these labels stay', async () => {
    const metrics = metricsWith([])
    metrics.requests.inc({ route: '/api/chat', outcome: 'answered' })
    await forgetCallers(metrics, { isRole, isKey })
    expect(await seriesOf(metrics, 'torwart_requests_total')).toHaveLength(1)
  })
})
