/** Spans and metrics on their way to one collector. */
import { Batches } from './batches.ts'
import { createOtlpEncoder, type ServiceInstance } from './encoder.ts'
import type { SeriesAttributes } from './histograms.ts'
import type { HistogramName } from './names.ts'
import { type Collector, createSender, type Delivery } from './sender.ts'
import type { FinishedSpan } from './span.ts'

/** What is sent. */
export type Signal = 'traces' | 'metrics'

/** What an exporter works with. */
export interface ExporterOptions extends ServiceInstance {
  readonly collector: Collector
  /** Whether histograms are kept and sent. */
  readonly metrics: boolean
  /** How long spans wait for others, in milliseconds. */
  readonly spansMs: number
  /** Between two exports of metrics, in milliseconds. */
  readonly metricsMs: number
  /** How long closing may take, in milliseconds. */
  readonly closingMs?: number
  /** Told how many spans, or exports of metrics, were not delivered. */
  dropped(signal: Signal, count: number): void
  /** Told when the collector stops taking what it is sent, with the first cause, and when it does again. */
  changed(away: boolean, cause?: unknown): void
}

/** Sends spans and metrics; nothing of it waits or throws. */
export interface Exporter {
  spans(spans: readonly FinishedSpan[]): void
  record(name: HistogramName, value: number, of: SeriesAttributes): void
  /** Sends what waits, within a bound. Never rejects. */
  close(): Promise<void>
}

const maxClosingMs = 3000

/** Opens an exporter. */
export function openExporter(options: ExporterOptions): Exporter {
  const encoder = createOtlpEncoder(options)
  const sender = createSender(options.collector)
  let away = false
  const tried = (delivery: Delivery) => {
    const isAway = delivery.outcome !== 'taken'
    if (isAway !== away) options.changed(isAway, isAway ? delivery.cause : undefined)
    away = isAway
  }
  const batches = new Batches<FinishedSpan>({
    async send(batch) {
      try {
        return await sender.send('/v1/traces', encoder.traces(batch))
      } catch (cause) {
        return { outcome: 'refused', cause }
      }
    },
    dropped: (count) => options.dropped('traces', count),
    tried,
    delayMs: options.spansMs,
  })
  let sending = false
  const sendMetrics = async () => {
    if (sending) return
    sending = true
    try {
      const body = encoder.metrics()
      if (body === undefined) return
      const delivery = await sender.send('/v1/metrics', body)
      tried(delivery)
      if (delivery.outcome !== 'taken') options.dropped('metrics', 1)
      else if (delivery.rejected > 0) options.dropped('metrics', delivery.rejected)
    } catch (cause) {
      tried({ outcome: 'refused', cause })
      options.dropped('metrics', 1)
    } finally {
      sending = false
    }
  }
  const timer = options.metrics ? setInterval(() => void sendMetrics(), options.metricsMs).unref() : undefined
  return {
    spans: (spans) => batches.add(spans),
    record(name, value, of) {
      if (options.metrics) encoder.record(name, value, of)
    },
    async close() {
      clearInterval(timer)
      const sent = Promise.all([batches.close(), options.metrics ? sendMetrics() : undefined])
      await within(sent, options.closingMs ?? maxClosingMs)
      batches.giveUp()
      sender.close()
    },
  }
}

/** Waits for what cannot fail, but no longer than this. */
async function within(done: Promise<unknown>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const over = new Promise((resolve) => {
    timer = setTimeout(resolve, ms)
  })
  await Promise.race([done, over])
  clearTimeout(timer)
}
