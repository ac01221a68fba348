/** What happens when files change, or Redis tells of a change: who is told, and which requests end. */
import { Refusal } from '../core/refusal.ts'
import type { FreezeEntry } from '../kill-switch/freeze-entry.ts'
import { isWithdrawn } from '../pipeline/request/authenticate.ts'
import { isFrozen, lostTrust } from '../pipeline/request/authorise.ts'
import { showAddresses } from '../telemetry/log.ts'
import { configureMetrics, forgetCallers, type Metrics } from '../telemetry/metrics.ts'
import type { DataListener } from './data-listener.ts'
import type { Foundation } from './foundation.ts'
import type { Reloaded } from './reload.ts'
import { prepareScanners, type Services } from './services.ts'

/** How a change reaches running requests. */
export interface ChangeReach {
  /** Ends requests of this process. */
  abort: DataListener['abort']
  /** Told of every reload, and of freezes: other processes must follow. */
  onReload?(): void
  onFreeze?(): void
}

/** Starts to follow policy, keys and freezes; called last, when everything exists that a change reaches. */
export function followChanges(foundation: Foundation, services: Services, reach: ChangeReach): void {
  const { part, log, snapshots, keysSync } = foundation
  const { freezes, changes, toolPins, modelWatch, models } = services
  // The primary follows the files, and tells its workers when to read them; it logs and records for all.
  const isWorker = part.kind === 'worker'
  modelWatch.follow(
    () => {
      for (const code of ['model_quarantined', 'upstream_unavailable'] as const)
        reach.abort(
          new Refusal(code, code === 'upstream_unavailable' ? { retryAfterSeconds: 1 } : {}),
          (context) => lostTrust(context, models) === code,
        )
    },
    () => void changes.tell(),
  )
  freezes.watch((orders: readonly FreezeEntry[]) => {
    if (!isWorker)
      for (const { kind, name, frozen, until } of orders)
        log.warn({ kind, name, until }, frozen ? 'frozen' : 'unfrozen')
    void changes.tell()
    reach.abort(new Refusal('frozen'), (context) => isFrozen(context, freezes))
    reach.onFreeze?.()
  })
  const onReload = (reloaded: Reloaded) => {
    applyReload(reloaded, foundation, services)
    reach.abort(new Refusal('invalid_credentials'), (context) => isWithdrawn(context, reloaded.snapshot))
    void changes.tell()
    if (!isWorker) tellReload(reloaded, foundation)
    reach.onReload?.()
  }
  if (isWorker) snapshots.listen(onReload)
  else snapshots.watch(onReload)
  keysSync.watch(snapshots.reload)
  toolPins.watch(() => void changes.tell())
}

function applyReload(
  reloaded: Reloaded,
  { part, audit, logKeeper, log, metrics, snapshots }: Foundation,
  { scanningFor, fleet, modelWatch, callers, telemetry }: Services,
): void {
  const { policy } = reloaded.snapshot
  for (const chain of [audit, ...logKeeper.orphans]) chain.reconfigure(policy.audit)
  // The primary serves no request.
  if (part.kind !== 'primary') prepareScanners(scanningFor, policy)
  log.level = policy.logLevel
  showAddresses(log, policy.logAddresses === 'plain')
  void fleet.look()
  modelWatch.reload()
  callers.refresh()
  telemetry.reload()
  reconfigureMetrics(metrics, reloaded, snapshots)
}

/** Series of roles and keys that are gone go, too. */
function reconfigureMetrics(
  metrics: Metrics,
  { snapshot: { policy } }: Reloaded,
  { keyFiles }: Foundation['snapshots'],
): void {
  const settings = policy.telemetry.metrics
  configureMetrics(metrics, settings)
  if (settings.labels.size === 0) return
  const keys = new Set(keyFiles.keys.map(({ id }) => id))
  void forgetCallers(metrics, { isRole: (name) => policy.roles.has(name), isKey: (id) => keys.has(id) })
}

function tellReload({ before, snapshot, problems, keysOnly }: Reloaded, foundation: Foundation): void {
  const { log, metrics, snapshots, recordEvent } = foundation
  const details = { policy: snapshot.policy.version, before: before.version, keys: snapshot.keys.size }
  metrics.policyReloads.inc({ result: problems.length === 0 ? 'ok' : 'failed' })
  if (problems.length > 0) log.error({ problems }, 'not reloaded; the previous policy stays in force')
  else log.info(details, 'reloaded')
  for (const warning of snapshots.warnings) log.warn(warning)
  if (problems.length > 0) recordEvent('reload failed', details)
  else if (!keysOnly) recordEvent('reloaded', details)
}
