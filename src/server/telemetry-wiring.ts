/** Traces and metrics by OTLP, where the policy asks for them: follows finished requests and reloads. */
import { randomHex } from '../core/random.ts'
import { describeError } from '../core/refusal.ts'
import { createGenAiCounter } from '../pipeline/traces/gen-ai-metrics.ts'
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

interface Current {
  /** Of the settings that it was opened for. */
  readonly key: string
  readonly exporter: Exporter | undefined
  readonly countGenAi: ReturnType<typeof createGenAiCounter> | undefined
}

/** Bytes that tell processes and starts apart. */
const instanceBytes = 16

/** Opens what the policy asks for. Requests never wait for it. */
export async function openTelemetry(foundation: Foundation, closers: Closers): Promise<Telemetry> {
  const { part, policy, observers, log } = foundation
  // The primary serves no request.
  if (part.kind === 'primary') return { reload() {} }
  let current: Current = { key: keyOf(undefined), exporter: undefined, countGenAi: undefined }
  observers.add((settled) => {
    const { exporter, countGenAi } = current
    if (!exporter) return
    exporter.spans(spansOf(settled, settled.context.policy.telemetry.otlp?.content === 'masked'))
    countGenAi?.(settled)
  })
  const follow = async () => {
    const { otlp } = policy().telemetry
    const key = keyOf(otlp)
    if (key === current.key) return
    const before = current.exporter
    const exporter = otlp && openFor(otlp, foundation)
    current = {
      key,
      exporter,
      countGenAi: exporter && otlp?.metrics ? createGenAiCounter(exporter.record) : undefined,
    }
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
): Exporter {
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
