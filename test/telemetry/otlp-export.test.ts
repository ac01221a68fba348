/** The way of spans to a collector that is slow, hangs, or shows a certificate: everything is delivered or counted. */
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { Agent, getGlobalDispatcher, setGlobalDispatcher } from 'undici'
import { afterEach, describe, expect, it } from 'vitest'
import { Batches } from '../../src/telemetry/otlp/batches.ts'
import { type ExporterOptions, openExporter } from '../../src/telemetry/otlp/exporter.ts'
import type { Delivery } from '../../src/telemetry/otlp/sender.ts'
import type { FinishedSpan } from '../../src/telemetry/otlp/span.ts'
import { createAuthority } from '../rig/certificates.ts'
import { startCollector } from '../rig/collector.ts'
import { until } from '../rig/wait.ts'

const opened: { close(): unknown }[] = []
afterEach(async () => {
  for (const each of opened.splice(0).reverse()) await each.close()
})

const span: FinishedSpan = {
  ...{ name: 'chat', kind: 'server', traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), parent: undefined },
  ...{ fromMs: 1000, toMs: 2000, failed: false, attributes: {} },
}

function exporterTo(url: string, over: Partial<ExporterOptions> = {}) {
  const counts = { dropped: 0, changes: [] as boolean[] }
  const exporter = openExporter({
    ...{ version: '1', instance: 'one', collector: { url, headers: {} }, metrics: false },
    ...{ spansMs: 1, metricsMs: 3_600_000, closingMs: 100 },
    dropped: (_signal, count) => {
      counts.dropped += count
    },
    changed: (away) => void counts.changes.push(away),
    ...over,
  })
  return { exporter, counts }
}

describe('the queue', () => {
  it('takes no more than it has room for, all spans of a request or none, and counts the others', async () => {
    const counts = { dropped: 0, sent: 0 }
    let release = () => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    const batches = new Batches<number>({
      async send(batch): Promise<Delivery> {
        await held
        counts.sent += batch.length
        return { outcome: 'taken', rejected: 0 }
      },
      dropped: (count) => {
        counts.dropped += count
      },
      tried: () => {},
      delayMs: 1,
    })
    const requests = 2000
    for (let count = 0; count < requests; count++) batches.add([1, 2, 3])
    expect(counts.dropped).toBeGreaterThanOrEqual(requests * 3 - 2048 - 256)
    expect(counts.dropped % 3).toBe(0)
    release()
    await batches.close()
    batches.giveUp()
    expect(counts.sent).toBeGreaterThan(2000)
    expect(counts.sent + counts.dropped).toBe(requests * 3)
    batches.add([1, 2])
    expect(counts.sent + counts.dropped).toBe(requests * 3 + 2)
  })
})

describe('a collector', () => {
  it('that hangs holds up the end of the gateway for a bounded time, and what it has not taken is counted', async () => {
    const collector = await startCollector()
    opened.push(collector)
    collector.answer = () => {}
    const { exporter, counts } = exporterTo(collector.url)
    for (let count = 0; count < 400; count++) exporter.spans([span])
    await until(() => collector.exports.length === 1)
    const beganMs = performance.now()
    await exporter.close()
    // The bound, and what a busy machine adds; an answer is waited for ten seconds otherwise.
    expect(performance.now() - beganMs).toBeLessThan(5000)
    await until(() => counts.dropped === 400)
  })

  it('is believed with a certificate of a known authority only', async () => {
    const authority = createAuthority()
    const leaf = authority.issue({ names: 'DNS:localhost' })
    let bodies = ''
    const server = createServer({ cert: leaf.cert, key: leaf.key }, async (request, response) => {
      for await (const piece of request) bodies += piece
      response.end('{}')
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    opened.push({
      close() {
        authority.close()
        server.close()
        server.closeAllConnections()
      },
    })
    const url = `https://localhost:${(server.address() as AddressInfo).port}`
    const stranger = exporterTo(url)
    stranger.exporter.spans([span])
    await until(() => stranger.counts.changes[0] === true)
    await stranger.exporter.close()
    await until(() => stranger.counts.dropped === 1)
    expect(bodies).toBe('')

    const before = getGlobalDispatcher()
    const trusting = new Agent({ connect: { ca: authority.cert } })
    setGlobalDispatcher(trusting)
    opened.push({
      close() {
        setGlobalDispatcher(before)
        return trusting.close()
      },
    })
    const known = exporterTo(url)
    known.exporter.spans([span])
    await known.exporter.close()
    expect(JSON.parse(bodies).resourceSpans[0].scopeSpans[0].spans).toHaveLength(1)
    expect(known.counts).toEqual({ dropped: 0, changes: [] })
  })
})
