/** Traces and metrics by OTLP, where the policy asks for them: follows finished requests and reloads. */
import { randomHex } from '../core/random.ts'
import { describeError } from '../core/refusal.ts'
import { countGenAi } from '../pipeline/traces/gen-ai-metrics.ts'
import { spansOf } from '../pipeline/traces/spans.ts'
import type { OtlpSettings } from '../policy/telemetry-settings.ts'
import { type Exporter, openExporter } from '../telemetry/otlp/exporter.ts'
import type { Closers } from './closers.ts'
import type { Foundation } from './foundation.ts'

/** What a gateway has opened for OTLP. */
export interface Telemetry {
  /** Goes by the policy in force; what the exporter before has left is sent. */
  reload(): void
}

/** Bytes that tell processes and starts apart. */
const instanceBytes = 16

/** Opens what the policy asks for. Requests never wait for it. */
export async function openTelemetry(foundation: Foundation, closers: Closers): Promise<Telemetry> {
  const { part, policy, observers, log } = foundation
  // The primary serves no request.
  if (part.kind === 'primary') return { reload() {} }
  let current: { readonly key: string; readonly exporter: Exporter | undefined } = {
    key: keyOf(undefined),
    exporter: undefined,
  }
  observers.add((settled) => {
    const { exporter } = current
    if (!exporter) return
    const { otlp } = settled.context.policy.telemetry
    exporter.spans(spansOf(settled, otlp?.content === 'masked'))
    if (otlp?.metrics) countGenAi(settled, exporter.record)
  })
  const follow = async () => {
    const { otlp } = policy().telemetry
    const key = keyOf(otlp)
    if (key === current.key) return
    const before = current.exporter
    current = { key, exporter: otlp && (await openFor(otlp, foundation)) }
    await before?.close()
  }
  // One after the other: each closes what the one before has opened.
  let following = follow()
  closers.add(async () => {
    await following
    await current.exporter?.close()
  })
  await following
  return {
    reload() {
      following = following.then(follow).catch((error: unknown) => {
        log.error({ cause: describeError(error) }, 'cannot open the export to the OpenTelemetry collector')
      })
    },
  }
}

function keyOf(otlp: OtlpSettings | undefined): string {
  return JSON.stringify(otlp ?? null)
}

function openFor(
  { url, headers, metrics }: OtlpSettings,
  { version, log, metrics: own, intervals }: Foundation,
): Promise<Exporter> {
  return openExporter({
    version,
    instance: randomHex(instanceBytes),
    collector: { url, headers },
    metrics,
    spansMs: intervals.otlpSpansMs,
    metricsMs: intervals.otlpMetricsMs,
    dropped: (signal, count) => own.telemetryDropped.inc({ signal }, count),
    changed(away, cause) {
      if (away)
        log.warn({ cause: describeError(cause) }, 'the OpenTelemetry collector does not take what it is sent')
      else log.info('the OpenTelemetry collector takes what it is sent again')
    },
  })
}
