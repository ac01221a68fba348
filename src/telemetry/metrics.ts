/**
 * All metrics, in one table. Labels take their values from closed sets only: routes that a dialect declares, codes, and
 * names from the policy; never anything a caller sent.
 */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import { type CallerLabelSettings, CallerLabels } from './caller-labels.ts'
import { Exemplars } from './exemplars.ts'

const seconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300]
const fineSeconds = [0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5]

/** Of metrics that can be told apart by caller; absent from series unless the policy asks for them. */
const callerLabels = ['role', 'key'] as const

/** What several workers have together; their sum if a gauge does not say. */
type Aggregator = 'max'

const counters = {
  requests: [
    'torwart_requests_total',
    'Requests by route and outcome.',
    ['route', 'outcome', ...callerLabels],
  ],
  tokens: [
    'torwart_tokens_total',
    'Input and output tokens, as counted by the model server.',
    ['model', 'direction', ...callerLabels],
  ],
  limitRejections: ['torwart_limit_rejections_total', 'Requests refused by a limit.', ['limit']],
  wouldRefuse: [
    'torwart_would_refuse_total',
    'Requests that parts of the policy that only observe would have refused, by code.',
    ['code'],
  ],
  findings: [
    'torwart_findings_total',
    'Findings of the guards, by category and action.',
    ['guard', 'category', 'action', ...callerLabels],
  ],
  guardFailures: ['torwart_guard_failures_total', 'Guard runs that failed.', ['guard']],
  credentialFailures: ['torwart_credential_failures_total', 'Credentials refused, by reason.', ['reason']],
  adminLoginFailures: [
    'torwart_admin_login_failures_total',
    'Credentials refused at the admin listener, by reason.',
    ['reason'],
  ],
  handshakeFailures: [
    'torwart_tls_handshake_failures_total',
    'Failed TLS handshakes, by reason.',
    ['reason'],
  ],
  droppedFields: ['torwart_dropped_fields_total', 'Request fields dropped before forwarding.', ['route']],
  breakerOpenings: ['torwart_breaker_openings_total', 'Circuit breakers opened.', []],
  approvals: ['torwart_approvals_total', 'Approval requests, by event.', ['event']],
  storeFallbacks: [
    'torwart_store_fallbacks_total',
    'Calls counted in-process because Redis was unavailable.',
    [],
  ],
  auditRecords: ['torwart_audit_records_total', 'Audit records, by ending.', ['ending']],
  auditFailures: ['torwart_audit_failures_total', 'Audit records that could not be written.', []],
  anomalies: ['torwart_anomalies_total', 'Anomalies of keys and models, by kind.', ['kind']],
  anomalyObservationsDropped: [
    'torwart_anomaly_observations_dropped_total',
    'Requests that the watch for anomalies has not seen, because its queue was full.',
    [],
  ],
  telemetryDropped: [
    'torwart_telemetry_dropped_total',
    'Spans, and exports of metrics, that the OpenTelemetry collector did not get.',
    ['signal'],
  ],
  policyReloads: ['torwart_policy_reloads_total', 'Policy reloads, by result.', ['result']],
} as const satisfies Record<string, readonly [string, string, readonly string[]]>

const gauges = {
  inflight: ['torwart_inflight_requests', 'Requests in flight.', []],
  queueDepth: ['torwart_queue_depth', 'Requests waiting for a model server.', []],
  storeUp: ['torwart_store_up', '1 if the limit store answers, else 0.', []],
  freezes: ['torwart_freezes', 'Freezes in force.', []],
  anomaliesOpen: ['torwart_anomalies_open', 'Anomalies that are not over.', []],
  incidents: ['torwart_incidents', 'Incidents, by state: open, overdue or closed.', ['state']],
  incidentDue: [
    'torwart_incident_due_seconds',
    'Time until the first report of this kind is due for an open incident; negative once it is overdue.',
    ['notice'],
  ],
  tlsExpiry: [
    'torwart_tls_certificate_expiry_timestamp_seconds',
    'Expiry of the data listener’s certificate, in seconds since the epoch; 0 without TLS.',
    [],
    // Workers have the same one.
    'max',
  ],
  upstreamUp: ['torwart_upstream_up', '1 if the model server answered the last check, else 0.', ['upstream']],
  upstreamEjected: [
    'torwart_upstream_ejected',
    '1 while the model server is ejected because requests to it failed, else 0.',
    ['upstream'],
  ],
  modelDrift: [
    'torwart_model_drift',
    '1 if a model server has another version of the model than the lock file, or one that it does not have, else 0.',
    ['model'],
  ],
  auditCheckpoint: [
    'torwart_audit_checkpoint_record',
    'Sequence number of the record in the last signed checkpoint; the log line `audit checkpoint` has its hash. Each worker has a chain of its own.',
    ['worker'],
  ],
  auditUnforwarded: [
    'torwart_audit_unforwarded_records',
    'Audit records that the receiver has not accepted yet.',
    ['receiver'],
  ],
  policyInfo: ['torwart_policy_info', 'Version of the policy in force, as a label.', ['version']],
} as const satisfies Record<string, readonly [string, string, readonly string[], Aggregator?]>

const of = ['route', 'model'] as const
/** Without `key`: each key would have a series for each bucket. */
const ofRole = [...of, 'role'] as const

const histograms = {
  requestSeconds: [
    'torwart_request_duration_seconds',
    'Time from the arrival of a request to the last byte of its response.',
    ofRole,
    seconds,
  ],
  upstreamSeconds: [
    'torwart_upstream_duration_seconds',
    'Time from forwarding a request to the end of the model server’s response.',
    of,
    seconds,
  ],
  firstTokenSeconds: [
    'torwart_time_to_first_token_seconds',
    'Time from the arrival of a request to the first frame of its stream, without waiting for approvals.',
    ofRole,
    seconds,
  ],
  approvalSeconds: [
    'torwart_approval_wait_seconds',
    'Time that requests waited for an approval.',
    [],
    seconds,
  ],
  guardSeconds: ['torwart_guard_duration_seconds', 'Time that a guard took.', ['guard'], fineSeconds],
} as const satisfies Record<string, readonly [string, string, readonly string[], readonly number[]]>

/** Keys of the histograms that may have exemplars. */
export type TracedMetric = 'requestSeconds' | 'firstTokenSeconds'

/** Every metric by its key in the tables above, with the registry that holds them. */
export type Metrics = {
  readonly registry: Registry
  readonly callers: CallerLabels
  readonly exemplars: Exemplars<TracedMetric>
} & { readonly [K in keyof typeof counters]: Counter } & {
  readonly [K in keyof typeof gauges]: Gauge
} & { readonly [K in keyof typeof histograms]: Histogram }

/** What the policy says of metrics. */
export interface MetricSettings extends CallerLabelSettings {
  readonly exemplars: boolean
}

/** Creates all metrics in a registry of their own, so that two gateways in one process do not share counts. */
export function createMetrics(): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  // prom-client names these gauges like counters. Each is the sum of the gauge without `_total`.
  for (const what of ['resources', 'handles', 'requests'])
    registry.removeSingleMetric(`nodejs_active_${what}_total`)
  const registers = [registry]
  const ofHistogram = ([name, , , buckets]: (typeof histograms)[TracedMetric]) => ({ name, buckets })
  const metrics: Metrics = {
    registry,
    callers: new CallerLabels(),
    exemplars: new Exemplars({
      requestSeconds: ofHistogram(histograms.requestSeconds),
      firstTokenSeconds: ofHistogram(histograms.firstTokenSeconds),
    }),
    ...madeOf(
      counters,
      ([name, help, labels]) => new Counter({ name, help, labelNames: [...labels], registers }),
    ),
    ...madeOf(
      gauges,
      ([name, help, labels, aggregator]: readonly [string, string, readonly string[], Aggregator?]) =>
        new Gauge({ name, help, labelNames: [...labels], registers, aggregator: aggregator ?? 'sum' }),
    ),
    ...madeOf(
      histograms,
      ([name, help, labels, buckets]) =>
        new Histogram({ name, help, labelNames: [...labels], buckets: [...buckets], registers }),
    ),
  }
  // An alert on the first event needs a series that was 0 before.
  for (const signal of ['traces', 'metrics']) metrics.telemetryDropped.inc({ signal }, 0)
  for (const result of ['ok', 'failed']) metrics.policyReloads.inc({ result }, 0)
  for (const guard of ['prompt', 'output', 'opinion']) metrics.guardFailures.inc({ guard }, 0)
  return metrics
}

/** Goes by what the policy says. */
export function configureMetrics({ callers, exemplars }: Metrics, settings: MetricSettings): void {
  callers.use(settings)
  exemplars.use(settings.exemplars)
}

/** Who the policy and the key file name. */
export interface KnownCallers {
  isRole(name: string): boolean
  isKey(id: string): boolean
}

/** Removes the series of roles and keys that are gone, so that others have room. */
export async function forgetCallers(metrics: Metrics, { isRole, isKey }: KnownCallers): Promise<void> {
  const { callers, exemplars, requests, tokens, findings, requestSeconds, firstTokenSeconds } = metrics
  callers.keep(isKey)
  exemplars.keep(isRole)
  for (const metric of [requests, tokens, findings, requestSeconds, firstTokenSeconds])
    for (const { labels } of (await metric.get()).values) {
      const { le: _, ...own } = labels
      if (!callers.isCurrent(own, isRole)) metric.remove(own)
    }
}

/** Makes something of every row of a table, under the same key. */
function madeOf<T extends object, Made>(table: T, make: (row: T[keyof T]) => Made): { [K in keyof T]: Made } {
  const entries = (Object.keys(table) as (keyof T)[]).map((key) => [key, make(table[key])])
  return Object.fromEntries(entries) as { [K in keyof T]: Made }
}
