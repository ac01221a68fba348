/** What happens when files change, or Redis tells of a change: who is told, and which requests end. */
import { Refusal } from '../core/refusal.ts'
import type { FreezeEntry } from '../kill-switch/freeze-entry.ts'
import { isWithdrawn } from '../pipeline/request/authenticate.ts'
import { isFrozen } from '../pipeline/request/authorise.ts'
import { showAddresses } from '../telemetry/log.ts'
import type { DataListener } from './data-listener.ts'
import type { Foundation } from './foundation.ts'
import type { Reloaded } from './reload.ts'
import { prepareScanners, type Services } from './services.ts'

/** Starts to follow policy, keys and freezes; called last, when everything exists that a change reaches. */
export function followChanges(foundation: Foundation, services: Services, { abort }: DataListener): void {
  const { log, snapshots, keysSync } = foundation
  const { freezes, changes, toolPins } = services
  freezes.watch((orders: readonly FreezeEntry[]) => {
    for (const { kind, name, frozen, until } of orders)
      log.warn({ kind, name, until }, frozen ? 'frozen' : 'unfrozen')
    void changes.tell()
    abort(new Refusal('frozen'), (context) => isFrozen(context, freezes))
  })
  snapshots.watch((reloaded) => {
    applyReload(reloaded, foundation, services)
    abort(new Refusal('invalid_credentials'), (context) => isWithdrawn(context, reloaded.snapshot))
    void changes.tell()
    tellReload(reloaded, foundation)
  })
  keysSync.watch(snapshots.reload)
  toolPins.watch(() => void changes.tell())
}

function applyReload(
  { snapshot: { policy } }: Reloaded,
  { audit, log }: Foundation,
  { scanningFor, fleet, callers }: Services,
): void {
  audit.reconfigure(policy.audit)
  prepareScanners(scanningFor, policy)
  log.level = policy.logLevel
  showAddresses(log, policy.logAddresses === 'plain')
  void fleet.look()
  callers.refresh()
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
