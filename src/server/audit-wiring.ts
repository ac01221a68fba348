/** The audit log of a gateway, its receivers, and who is told when either fails. */
import { type Audit, openAudit } from '../audit/audit.ts'
import { isLeavingChain, workerChain, workersWithChains } from '../audit/chains.ts'
import { startForwarder } from '../audit/sinks/forward.ts'
import { transportOf } from '../audit/sinks/transport.ts'
import { readHead } from '../audit/write/head.ts'
import { isLocked, type Processes } from '../audit/write/lock.ts'
import type { Clock } from '../core/clock.ts'
import { describeError } from '../core/refusal.ts'
import type { Policy } from '../policy/policy.ts'
import type { Log } from '../telemetry/log.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import type { Closers } from './closers.ts'
import type { Part } from './part.ts'

/** What it takes to open the audit log. */
export interface AuditWiringParts {
  readonly part: Part
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
 * Opens the log of this process; its forwarders are started by `startForwarders`.
 * @throws Error if the log cannot be opened, or another process writes it
 */
export function openAuditLog(parts: AuditWiringParts): Promise<Audit> {
  const { part, atStart, metrics } = parts
  if (part.kind !== 'worker')
    return openChain(atStart.audit.file, parts, {}, (seq) => metrics.auditCheckpoint.set(seq))
  const { worker } = part
  return openChain(workerChain(atStart.audit.file, worker), parts, { worker }, (seq) =>
    metrics.auditCheckpoint.set({ worker }, seq),
  )
}

/**
 * Opens the chains of workers that the policy does not have, because it once had more, or because a gateway that was
 * upgraded finished its requests there. Where one still does, that chain is left to it.
 * @throws as `openAuditLog`
 */
export async function openOrphans(
  parts: AuditWiringParts,
  closers: Closers,
  known: ReadonlySet<number> = new Set(),
): Promise<ReadonlyMap<number, Audit>> {
  const { part, atStart, processes } = parts
  const orphans = new Map<number, Audit>()
  if (part.kind === 'worker') return orphans
  for (const worker of workersWithChains(atStart.audit.file)) {
    if (known.has(worker) || (part.kind === 'primary' && worker <= part.workers)) continue
    const file = workerChain(atStart.audit.file, worker)
    if (isLeavingChain(worker) && (await isLocked(file, { processes }))) continue
    const orphan = await openChain(file, parts, { worker }, () => {})
    closers.add(orphan.close)
    orphans.set(worker, orphan)
  }
  return orphans
}

/** Opens the chain on which a gateway that was upgraded goes on. @throws as `openAuditLog` */
export function openLeavingChain(parts: AuditWiringParts, worker: number): Promise<Audit> {
  const { atStart, metrics } = parts
  return openChain(workerChain(atStart.audit.file, worker), parts, { worker }, (seq) =>
    metrics.auditCheckpoint.set({ worker }, seq),
  )
}

function openChain(
  file: string,
  { atStart, version, processes, clock, log, onGone }: AuditWiringParts,
  about: object,
  onCheckpoint: (seq: number) => void,
): Promise<Audit> {
  return openAudit({
    file,
    settings: atStart.audit,
    clock,
    processes,
    about: { version, policy: atStart.version, ...about },
    onCheckpoint: ({ seq, hash, instance, proof }) => {
      onCheckpoint(seq)
      log.info({ seq, hash, instance, proof }, 'audit checkpoint')
    },
    onGone,
    report: (problem, error) =>
      log.error({ cause: error === undefined ? undefined : String(error) }, problem),
  })
}

/** A chain whose records are forwarded. */
interface ForwardedChain {
  readonly file: string
  /** Returns the number of its last record. */
  head(): number
}

/** Starts a forwarder for each chain and each receiver of the policy; those of workers are read by the primary. */
export function startForwarders(parts: AuditWiringParts, audit: Audit, closers: Closers): void {
  const { part, atStart, metrics, log, out = () => {} } = parts
  if (part.kind === 'worker') return
  for (const settings of atStart.audit.forward) {
    const waiting = new Map<string, number>()
    for (const { file, head } of forwardedChains(parts, audit)) {
      const forwarder = startForwarder({
        file,
        settings,
        transport: transportOf(settings, out),
        startAfterSeq: head(),
        head,
        onMoved: (count) => {
          waiting.set(file, count)
          const all = [...waiting.values()].reduce((sum, each) => sum + each, 0)
          metrics.auditUnforwarded.set({ receiver: settings.name }, all)
        },
        report: (problem, error) => log.warn({ cause: describeError(error) }, problem),
      })
      closers.add(forwarder.close)
    }
  }
}

function forwardedChains({ part, atStart }: AuditWiringParts, audit: Audit): readonly ForwardedChain[] {
  const { file } = atStart.audit
  const count = part.kind === 'primary' ? part.workers : 0
  const workers = new Set([
    ...workersWithChains(file),
    ...Array.from({ length: count }, (_, index) => index + 1),
  ])
  return [
    { file, head: () => audit.head.seq },
    ...[...workers].map((worker) => {
      const chain = workerChain(file, worker)
      return { file: chain, head: () => readHead(chain)?.seq ?? 0 }
    }),
  ]
}
