/**
 * Every metric there is, in one table. Labels take their values from closed sets only: routes that a dialect
 * declares, codes, configured names; never anything a caller sent.
 */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

const seconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300]
const fineSeconds = [0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5]

const counters = {
  requests: ['torwart_requests_total', 'Requests, by how they ended', ['route', 'outcome']],
  tokens: [
    'torwart_tokens_total',
    'Tokens read and written, as the model server counts them',
    ['model', 'direction'],
  ],
  limitRejections: ['torwart_limit_rejections_total', 'Requests refused by a limit', ['limit']],
  findings: ['torwart_findings_total', 'What guards found', ['guard', 'category', 'action']],
  guardFailures: ['torwart_guard_failures_total', 'Guards that could not run', ['guard']],
  credentialFailures: ['torwart_credential_failures_total', 'Credentials refused, by reason', ['reason']],
  adminLoginFailures: [
    'torwart_admin_login_failures_total',
    'Credentials refused at the admin listener, by reason',
    ['reason'],
  ],
  handshakeFailures: [
    'torwart_tls_handshake_failures_total',
    'TLS handshakes that failed, by reason',
    ['reason'],
  ],
  droppedFields: ['torwart_dropped_fields_total', 'Request fields that were left out', ['route']],
  breakerOpenings: ['torwart_breaker_openings_total', 'Circuit breakers opened', []],
  approvals: ['torwart_approvals_total', 'What became of questions to humans', ['event']],
  storeFallbacks: ['torwart_store_fallbacks_total', 'Calls counted in-process because Redis was away', []],
  auditRecords: ['torwart_audit_records_total', 'Audit records, by ending', ['ending']],
  auditFailures: ['torwart_audit_failures_total', 'Audit records that could not be written', []],
  policyReloads: ['torwart_policy_reloads_total', 'Reloads of the policy', ['result']],
} as const satisfies Record<string, readonly [string, string, readonly string[]]>

const gauges = {
  inflight: ['torwart_inflight_requests', 'Requests under way', []],
  queueDepth: ['torwart_queue_depth', 'Requests waiting for a model server', []],
  storeUp: ['torwart_store_up', 'Whether the limit store answers', []],
  freezes: ['torwart_freezes', 'Orders to freeze something that are in force', []],
  tlsExpiry: [
    'torwart_tls_certificate_expiry_timestamp_seconds',
    'When the certificate of the data listener runs out, seconds since the epoch; 0 without TLS',
    [],
  ],
  upstreamUp: ['torwart_upstream_up', 'Whether a model server answered when last asked', ['upstream']],
  upstreamEjected: [
    'torwart_upstream_ejected',
    'Whether a model server is left alone because requests failed there',
    ['upstream'],
  ],
  auditCheckpoint: [
    'torwart_audit_checkpoint_record',
    'The record that the last signed checkpoint names; the log line `audit checkpoint` has its hash',
    [],
  ],
  auditUnforwarded: [
    'torwart_audit_unforwarded_records',
    'Records that a receiver has not taken yet',
    ['receiver'],
  ],
  policyInfo: ['torwart_policy_info', 'The policy in force', ['version']],
} as const satisfies Record<string, readonly [string, string, readonly string[]]>

const of = ['route', 'model'] as const

const histograms = {
  requestSeconds: ['torwart_request_duration_seconds', 'From arrival to the last byte', of, seconds],
  upstreamSeconds: [
    'torwart_upstream_duration_seconds',
    'From forwarding to the end of the model server’s answer',
    of,
    seconds,
  ],
  firstTokenSeconds: [
    'torwart_time_to_first_token_seconds',
    'Of streams: from arrival to the first frame sent, without the time that humans took to decide',
    of,
    seconds,
  ],
  approvalSeconds: [
    'torwart_approval_wait_seconds',
    'How long requests waited for a human to decide',
    [],
    seconds,
  ],
  guardSeconds: ['torwart_guard_duration_seconds', 'What a guard takes', ['guard'], fineSeconds],
} as const satisfies Record<string, readonly [string, string, readonly string[], readonly number[]]>

export type Metrics = { readonly registry: Registry } & { readonly [K in keyof typeof counters]: Counter } & {
  readonly [K in keyof typeof gauges]: Gauge
} & { readonly [K in keyof typeof histograms]: Histogram }

/** A registry of its own, so that two gates in one process do not share counts. */
export function createMetrics(): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  // Gauges with the name of a counter; each is the sum of the one without `_total`.
  for (const what of ['resources', 'handles', 'requests'])
    registry.removeSingleMetric(`nodejs_active_${what}_total`)
  const registers = [registry]
  const made: Record<string, unknown> = { registry }
  for (const [key, [name, help, labels]] of Object.entries(counters))
    made[key] = new Counter({ name, help, labelNames: [...labels], registers })
  for (const [key, [name, help, labels]] of Object.entries(gauges))
    made[key] = new Gauge({ name, help, labelNames: [...labels], registers })
  for (const [key, [name, help, labels, buckets]] of Object.entries(histograms))
    made[key] = new Histogram({ name, help, labelNames: [...labels], buckets: [...buckets], registers })
  const metrics = made as unknown as Metrics
  // An alarm on the first event needs a series that was 0 before it.
  for (const result of ['ok', 'failed']) metrics.policyReloads.inc({ result }, 0)
  for (const guard of ['prompt', 'output', 'opinion']) metrics.guardFailures.inc({ guard }, 0)
  return metrics
}
