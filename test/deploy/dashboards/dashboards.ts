/** The dashboards of `deploy/grafana/`, built and typed by Grafana's own SDK. `npm run generate` writes them. */
import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard'
import { chosen, chosenKey, dashboard, series, stat, withKeys } from './panels.ts'

const over = '[$__rate_interval]'
const quantile = (q: number, metric: string, by: string) =>
  `histogram_quantile(${q}, sum by (le${by === '' ? '' : `, ${by}`}) (rate(${metric}_bucket{${chosen}}${over})))`

function overview(): Dashboard {
  return dashboard(
    'Torwart: overview',
    'torwart-overview',
    'Requests, their endings and their times, and what they wait for.',
  )
    .withPanel(stat('In flight', 'Requests in flight.', 'short', `sum(torwart_inflight_requests{${chosen}})`))
    .withPanel(
      stat('Waiting', 'Requests waiting for a model server.', 'short', `sum(torwart_queue_depth{${chosen}})`),
    )
    .withPanel(
      stat(
        'Model servers up',
        'Of the policy’s model servers, as the gateways see them.',
        'percentunit',
        `avg(torwart_upstream_up{${chosen}})`,
      ),
    )
    .withPanel(
      stat(
        'Store up',
        'Whether the gateways reach the store that counts limits.',
        'percentunit',
        `avg(torwart_store_up{${chosen}})`,
      ),
    )
    .withPanel(stat('Freezes', 'Freezes in force.', 'short', `max(torwart_freezes{${chosen}})`))
    .withPanel(
      stat(
        'Records lost',
        'Audit records that could not be written, in the last hour.',
        'short',
        `sum(increase(torwart_audit_failures_total{${chosen}}[1h]))`,
      ),
    )
    .withPanel(
      series('Requests by outcome', '`answered`, or the code of the refusal.', 'reqps', [
        [`sum by (outcome) (rate(torwart_requests_total{${chosen}}${over}))`, '{{outcome}}'],
      ]),
    )
    .withPanel(
      series('Requests by route', 'All requests, refused ones among them.', 'reqps', [
        [`sum by (route) (rate(torwart_requests_total{${chosen}}${over}))`, '{{route}}'],
      ]),
    )
    .withPanel(
      series('Time of a request', 'From its arrival to the last byte of the response.', 's', [
        [quantile(0.5, 'torwart_request_duration_seconds', ''), 'median'],
        [quantile(0.95, 'torwart_request_duration_seconds', ''), '95 %'],
        [quantile(0.99, 'torwart_request_duration_seconds', ''), '99 %'],
      ]),
    )
    .withPanel(
      series('Refused by a limit', 'By the limit that was reached.', 'reqps', [
        [`sum by (limit) (rate(torwart_limit_rejections_total{${chosen}}${over}))`, '{{limit}}'],
      ]),
    )
    .withPanel(
      series('Waiting for model servers', 'Requests in the queue.', 'short', [
        [`sum by (instance) (torwart_queue_depth{${chosen}})`, '{{instance}}'],
      ]),
    )
    .withPanel(
      series('CPU', 'Cores that the gateways use.', 'short', [
        [`sum by (instance) (rate(process_cpu_seconds_total{${chosen}}${over}))`, '{{instance}}'],
      ]),
    )
    .withPanel(
      series('Memory', 'Resident memory.', 'bytes', [
        [`sum by (instance) (process_resident_memory_bytes{${chosen}})`, '{{instance}}'],
      ]),
    )
    .withPanel(
      series('Delay of the event loop', 'How late timers are: 99 of 100 are less.', 's', [
        [`max by (instance) (nodejs_eventloop_lag_p99_seconds{${chosen}})`, '{{instance}}'],
      ]),
    )
    .build()
}

function models(): Dashboard {
  return dashboard('Torwart: models', 'torwart-models', 'Tokens and times by model, and the model servers.')
    .withPanel(
      series('Tokens in', 'Input tokens, as the model server counts them.', 'short', [
        [`sum by (model) (rate(torwart_tokens_total{${chosen}, direction="input"}${over}))`, '{{model}}'],
      ]),
    )
    .withPanel(
      series('Tokens out', 'Output tokens, as the model server counts them.', 'short', [
        [`sum by (model) (rate(torwart_tokens_total{${chosen}, direction="output"}${over}))`, '{{model}}'],
      ]),
    )
    .withPanel(
      series('Time to the first token', 'Median and 95 % of streams.', 's', [
        [quantile(0.5, 'torwart_time_to_first_token_seconds', 'model'), '{{model}} median'],
        [quantile(0.95, 'torwart_time_to_first_token_seconds', 'model'), '{{model}} 95 %'],
      ]),
    )
    .withPanel(
      series('Time of the model server', 'Median and 95 %, to the end of its response.', 's', [
        [quantile(0.5, 'torwart_upstream_duration_seconds', 'model'), '{{model}} median'],
        [quantile(0.95, 'torwart_upstream_duration_seconds', 'model'), '{{model}} 95 %'],
      ]),
    )
    .withPanel(
      series('Model servers', '1 if it answered the last check.', 'short', [
        [`min by (upstream) (torwart_upstream_up{${chosen}})`, '{{upstream}}'],
      ]),
    )
    .withPanel(
      series('Ejected', '1 while a model server is ejected because requests to it failed.', 'short', [
        [`max by (upstream) (torwart_upstream_ejected{${chosen}})`, '{{upstream}}'],
      ]),
    )
    .build()
}

function security(): Dashboard {
  return dashboard(
    'Torwart: security',
    'torwart-security',
    'What the guards find, who is refused, and what people decide.',
  )
    .withPanel(
      series('Findings by category', 'OWASP ids of what the guards found.', 'reqps', [
        [
          `sum by (category, action) (rate(torwart_findings_total{${chosen}}${over}))`,
          '{{category}} {{action}}',
        ],
      ]),
    )
    .withPanel(
      series('Blocked by guard', 'Findings that blocked a request or a response.', 'reqps', [
        [`sum by (guard) (rate(torwart_findings_total{${chosen}, action="block"}${over}))`, '{{guard}}'],
      ]),
    )
    .withPanel(
      series('Refused credentials', 'By reason.', 'reqps', [
        [`sum by (reason) (rate(torwart_credential_failures_total{${chosen}}${over}))`, '{{reason}}'],
      ]),
    )
    .withPanel(
      series('Refused at the admin listener', 'By reason.', 'reqps', [
        [`sum by (reason) (rate(torwart_admin_login_failures_total{${chosen}}${over}))`, '{{reason}}'],
      ]),
    )
    .withPanel(
      series('Approvals', 'By event.', 'reqps', [
        [`sum by (event) (rate(torwart_approvals_total{${chosen}}${over}))`, '{{event}}'],
      ]),
    )
    .withPanel(
      series('Circuit breakers opened', 'Agents that did too much.', 'short', [
        [`sum by (instance) (increase(torwart_breaker_openings_total{${chosen}}[1h]))`, '{{instance}}'],
      ]),
    )
    .withPanel(
      series('Anomalies begun', 'Keys and models that do what they usually do not, by kind.', 'short', [
        [`sum by (kind) (increase(torwart_anomalies_total{${chosen}}[1h]))`, '{{kind}}'],
      ]),
    )
    .withPanel(
      series('Anomalies open', 'Gateways on one Redis have the same ones.', 'short', [
        [`max by (instance) (torwart_anomalies_open{${chosen}})`, '{{instance}}'],
      ]),
    )
    .withPanel(
      series('Time of the guards', '95 % of runs take less.', 's', [
        [quantile(0.95, 'torwart_guard_duration_seconds', 'guard'), '{{guard}}'],
      ]),
    )
    .withPanel(
      series(
        'Failed guards',
        'Their requests were refused, or, for the guard model, stayed flagged.',
        'short',
        [[`sum by (guard) (increase(torwart_guard_failures_total{${chosen}}[1h]))`, '{{guard}}']],
      ),
    )
    .build()
}

function keys(): Dashboard {
  return withKeys(
    dashboard(
      'Torwart: keys',
      'torwart-keys',
      'What one key, or several, ask for. Needs `telemetry.metrics.labels: [role, key]`.',
    ),
  )
    .withPanel(
      series('Requests by outcome', '`answered`, or the code of the refusal.', 'reqps', [
        [`sum by (outcome) (rate(torwart_requests_total{${chosenKey}}${over}))`, '{{outcome}}'],
      ]),
    )
    .withPanel(
      series('Requests by route', 'All requests, refused ones among them.', 'reqps', [
        [`sum by (route) (rate(torwart_requests_total{${chosenKey}}${over}))`, '{{route}}'],
      ]),
    )
    .withPanel(
      series('Tokens by model', 'As the model server counts them.', 'short', [
        [
          `sum by (model, direction) (rate(torwart_tokens_total{${chosenKey}}${over}))`,
          '{{model}} {{direction}}',
        ],
      ]),
    )
    .withPanel(
      series('Findings by category', 'OWASP ids of what the guards found.', 'reqps', [
        [
          `sum by (category, action) (rate(torwart_findings_total{${chosenKey}}${over}))`,
          '{{category}} {{action}}',
        ],
      ]),
    )
    .withPanel(
      series('The ten busiest keys', 'By requests, of all keys.', 'reqps', [
        [`topk(10, sum by (key) (rate(torwart_requests_total{${chosen}, key!=""}${over})))`, '{{key}}'],
      ]),
    )
    .withPanel(
      series('The ten keys with the most tokens', 'In and out, of all keys.', 'short', [
        [`topk(10, sum by (key) (rate(torwart_tokens_total{${chosen}, key!=""}${over})))`, '{{key}}'],
      ]),
    )
    .withPanel(
      series('Time of a request by role', '95 % of requests take less, of all keys of the role.', 's', [
        [quantile(0.95, 'torwart_request_duration_seconds', 'role'), '{{role}}'],
      ]),
    )
    .withPanel(
      series('Refused by role', 'All refusals, of all keys of the role.', 'reqps', [
        [`sum by (role) (rate(torwart_requests_total{${chosen}, outcome!="answered"}${over}))`, '{{role}}'],
      ]),
    )
    .build()
}

/** Each dashboard by the name of its file. */
export const dashboards: Readonly<Record<string, Dashboard>> = {
  overview: overview(),
  models: models(),
  security: security(),
  keys: keys(),
}
