/** What the policy says of `telemetry`. */
import type { MetricSettings } from '../telemetry/metrics.ts'

/** Where traces go, and what is in them. */
export interface OtlpSettings {
  /** Without a slash at its end. */
  readonly url: string
  /** By lower-case names; the values are secrets. */
  readonly headers: Readonly<Record<string, string>>
  readonly content: 'none' | 'masked'
  readonly metrics: boolean
}

/** What other systems are told of requests. */
export interface TelemetrySettings {
  readonly otlp: OtlpSettings | undefined
  readonly metrics: MetricSettings
}
