/** The audit log of a gateway, its receivers, and who is told when either fails. */
import { type Audit, openAudit } from '../audit/audit.ts'
import { startForwarder } from '../audit/sinks/forward.ts'
import { transportOf } from '../audit/sinks/transport.ts'
import type { Processes } from '../audit/write/lock.ts'
import type { Clock } from '../core/clock.ts'
import { describeError } from '../core/refusal.ts'
import type { Policy } from '../policy/policy.ts'
import type { Log } from '../telemetry/log.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import type { Closers } from './closers.ts'

/** What it takes to open the audit log. */
export interface AuditWiringParts {
  readonly atStart: Policy
  readonly version: string
  readonly processes: Processes
  readonly clock: Clock
  readonly metrics: Metrics
  readonly log: Log
  /** Records are gone, or their texts. */
  onGone(): void
  /** Writes to stdout, for a receiver of records there. */
  out?: ((text: string) => void) | undefined
}

/**
 * Opens the log; its forwarders are started by `startForwarders`.
 * @throws Error if the log cannot be opened, or another process writes it
 */
export function openAuditLog(parts: AuditWiringParts): Promise<Audit> {
  const { atStart, version, processes, clock, metrics, log, onGone } = parts
  return openAudit({
    file: atStart.audit.file,
    settings: atStart.audit,
    clock,
    processes,
    about: { version, policy: atStart.version },
    onCheckpoint: ({ seq, hash, instance, proof }) => {
      metrics.auditCheckpoint.set(seq)
      log.info({ seq, hash, instance, proof }, 'audit checkpoint')
    },
    onGone,
    report: (problem, error) =>
      log.error({ cause: error === undefined ? undefined : String(error) }, problem),
  })
}

/** Starts one forwarder for each receiver of the policy. */
export function startForwarders(
  { atStart, metrics, log, out = () => {} }: AuditWiringParts,
  audit: Audit,
  closers: Closers,
): void {
  const { file, forward } = atStart.audit
  for (const settings of forward) {
    const forwarder = startForwarder({
      file,
      settings,
      transport: transportOf(settings, out),
      startAfterSeq: audit.head.seq,
      head: () => audit.head.seq,
      onMoved: (waiting) => metrics.auditUnforwarded.set({ receiver: settings.name }, waiting),
      report: (problem, error) => log.warn({ cause: describeError(error) }, problem),
    })
    closers.add(forwarder.close)
  }
}
