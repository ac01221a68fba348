/** Elastic Common Schema 8: one JSON document a record, texts left out. */
import { type Entry, modelOf, outcomeOf } from '../write/entry.ts'
import { severityOf } from './cef.ts'

/**
 * Prints an entry as one line of JSON in the Elastic Common Schema.
 * @param chain the name of a worker's chain; empty for the log itself
 */
export function toEcs(entry: Entry, chain = ''): string {
  const { identity, ending, findings = [], usage } = entry
  return JSON.stringify({
    '@timestamp': entry.time,
    ecs: { version: '8.11.0' },
    event: {
      module: 'torwart',
      dataset: 'torwart.audit',
      kind: findings.length > 0 ? 'alert' : 'event',
      action: outcomeOf(entry),
      outcome: ending === undefined ? 'unknown' : ending.kind === 'answered' ? 'success' : 'failure',
      sequence: entry.seq,
      id: entry.id,
      hash: entry.hash,
      severity: severityOf(entry),
      reason: ending?.code ?? entry.why,
      duration: entry.timing && Math.round(entry.timing.totalMs * 1e6),
    },
    trace: { id: entry.traceparent?.split('-')[1] },
    span: { id: entry.span },
    user: identity ? { id: identity.id, name: identity.name, roles: [identity.role] } : undefined,
    source: entry.peer === undefined ? undefined : { ip: entry.peer },
    url: { path: entry.route },
    http: { response: { status_code: ending?.status ?? undefined } },
    rule: findings.length > 0 ? { id: findings.map(({ id }) => id) } : undefined,
    torwart: {
      model: modelOf(entry) || undefined,
      upstream: entry.upstream ?? undefined,
      policy: entry.policy,
      findings: findings.length > 0 ? findings : undefined,
      tokens: usage ?? undefined,
      agent: entry.agent ?? undefined,
      session: entry.session ?? undefined,
      person: entry.person,
      group: entry.group,
      chain: chain || undefined,
    },
  })
}
