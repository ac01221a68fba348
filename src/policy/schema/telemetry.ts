/** The key `telemetry`: traces and metrics by OTLP, and what Prometheus is told. */
import Type from 'typebox'
import { choice, countOf, flag, group, mapOf, optional, secret, section, text } from './types.ts'

const otlp = group('Sends a trace of each request to an OpenTelemetry collector, by OTLP over HTTP.', {
  url: text(
    'Base URL of the collector, http or https. Traces go to `/v1/traces` below it, metrics to `/v1/metrics`.',
  ),
  headers: mapOf(secret('Value of the header.'), 'Headers of each export, such as `authorization`.'),
  content: choice(['none', 'masked'], 'none', 'Whether spans carry the masked texts of the audit record.'),
  metrics: flag('Also send the GenAI metrics, every minute.', true),
})

/** The key `telemetry`. */
export const telemetry = section('Traces and metrics for other systems.', {
  otlp: optional(otlp),
  metrics: section('The metrics that Prometheus scrapes.', {
    labels: Type.Array(Type.Enum(['role', 'key']), {
      description:
        'Labels of the metrics of requests, tokens, findings and durations besides their usual ones.',
      default: [],
    }),
    maxKeys: countOf(
      'Keys with series of their own, for each process. Further ones are counted together as `other`.',
      200,
      1,
      10_000,
    ),
    exemplars: flag('Whether `/metrics` names traces, for scrapes that ask for OpenMetrics.'),
  }),
})
