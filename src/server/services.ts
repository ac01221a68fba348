/** What requests are served with: the limit store, model servers, freezes, approvals, callers. */

import { createPseudonyms } from '../audit/erase/pseudonyms.ts'
import type { SharedKeys } from '../auth/api-keys/shared-keys.ts'
import { readSigningEntries, signingKeysFile } from '../auth/tokens/signing-keys.ts'
import { describeError } from '../core/refusal.ts'
import { createUpstreamClient, type HttpUpstreamClient } from '../http/upstream-client.ts'
import type { KillSwitch } from '../kill-switch/kill-switch.ts'
import type { LeaseRenewer } from '../limits/lease-renewer.ts'
import type { DriftWatch } from '../model-trust/drift-watch.ts'
import { createScanning, type ScanningFor } from '../pipeline/request/scan-cache.ts'
import type { Policy } from '../policy/policy.ts'
import type { ToolPins } from '../tool-policy/pins/pins.ts'
import { createFleet, type Fleet } from '../upstreams/fleet.ts'
import { createRemoteFleet } from '../workers/slots.ts'
import { type Anomalies, openAnomalies } from './anomaly-wiring.ts'
import { type Callers, openCallers } from './auth-wiring.ts'
import { type ChangeRecord, openChangeRecord } from './change-record.ts'
import type { Closers } from './closers.ts'
import type { Foundation } from './foundation.ts'
import { openKillSwitch } from './kill-switch-wiring.ts'
import { openStore } from './limit-store.ts'
import { type ModelWatch, openModelWatch } from './model-trust-wiring.ts'
import { openSharedState, type SharedState } from './shared-state.ts'
import { openTelemetry, type Telemetry } from './telemetry-wiring.ts'
import { openToolGate, type ToolGate } from './tool-wiring.ts'

/** How long a worker waits until other gateways know of a key. */
const synchroniseMs = 5000

/** What was opened second. */
export interface Services extends ToolGate {
  readonly shared: SharedState
  readonly store: LeaseRenewer
  readonly upstreamClient: HttpUpstreamClient
  readonly fleet: Fleet
  readonly modelWatch: ModelWatch
  /** Decides which versions of models are served. */
  readonly models: DriftWatch
  readonly freezes: KillSwitch
  readonly anomalies: Anomalies
  readonly changes: ChangeRecord
  readonly scanningFor: ScanningFor
  readonly callers: Callers
  readonly telemetry: Telemetry
  /** Reads now what the command line may have written to files; requests that it stops are ended at once. */
  lookAgain(): void
}

/** @throws TypeError if a file of freezes or approvals is not what it should be */
export async function openServices(foundation: Foundation, closers: Closers): Promise<Services> {
  const { atStart, policy, snapshots, redis, clock, metrics, log, memory } = foundation
  const shared = await openSharedState(foundation)
  const store = await openStore({ ...atStart.store, redis, local: shared.limits, clock, metrics, log })
  closers.add(store.close)
  const upstreamClient = createUpstreamClient(policy, memory)
  closers.add(upstreamClient.close)
  const fleet = openFleet(foundation, upstreamClient)
  closers.add(() => fleet.close())
  const modelWatch = openModelWatch(foundation, fleet, closers)
  const { models } = modelWatch
  const freezes = await openKillSwitch(foundation)
  closers.add(() => freezes.close())
  const anomalies = openAnomalies(foundation, freezes, closers)
  const scanningFor = createScanning(foundation.scannerFor)
  if (foundation.part.kind !== 'primary') prepareScanners(scanningFor, atStart)
  const { approvals, calls, toolPins, close } = openToolGate({
    ...foundation,
    approvalStore: shared.approvals,
    sharedCalls: shared.calls,
  })
  closers.add(close)
  const changes = openChanges(foundation, freezes, toolPins, models)
  closers.add(changes.close)
  await changes.tell()
  const keys = () => snapshots.current.keys
  const callers = openCallers({ ...foundation, keys, shared: sharedKeysOf(foundation) })
  closers.add(callers.close)
  const telemetry = await openTelemetry(foundation, closers)
  const lookAgain = () => {
    freezes.refresh()
    snapshots.look()
  }
  return {
    ...{ shared, store, upstreamClient, fleet, modelWatch, models, freezes, changes, scanningFor, callers },
    ...{ approvals, calls, toolPins, anomalies, telemetry },
    lookAgain,
  }
}

function openFleet({ part, policy, clock, log }: Foundation, { ask }: HttpUpstreamClient): Fleet {
  const fleet = createFleet({
    current: policy,
    ask,
    clock,
    onEjected: ({ name }, ms) =>
      log.warn({ upstream: name, seconds: ms / 1000 }, 'model server ejected: it fails while others do not'),
  })
  return part.kind === 'worker' ? createRemoteFleet(fleet, part.channel, () => policy().upstreams) : fleet
}

/** Returns what tells other gateways of a new key; a worker asks its primary to do so. */
function sharedKeysOf({ part, policy, keysSync }: Foundation): Pick<SharedKeys, 'synchronise'> | undefined {
  if (part.kind !== 'worker' || !policy().keysInRedis) return keysSync.shared
  return { synchronise: () => part.channel.ask<boolean>('keys.synchronise', [], synchroniseMs) }
}

function openChanges(
  { part, atStart, policy, snapshots, clock, intervals, log, audit }: Foundation,
  freezes: KillSwitch,
  toolPins: ToolPins,
  models: DriftWatch,
): ChangeRecord {
  // Once for all workers.
  if (part.kind === 'worker') return { tell: async () => {}, close: async () => {} }
  const pseudonymOf = createPseudonyms(atStart.audit.file)
  return openChangeRecord({
    auditFile: atStart.audit.file,
    keys: () => ({ ...snapshots.keyFiles, signing: readSigningEntries(signingKeysFile(policy().keysFile)) }),
    orders: () => freezes.all(),
    exceptions: () => policy().exceptions.entries,
    acceptedTools: toolPins.accepted,
    locked: () => {
      const { lock } = models
      return lock.state === 'broken' ? undefined : lock.state === 'missing' ? [] : lock.lock.models
    },
    nowMs: clock.wallMs,
    pseudonymOf: (person) => pseudonymOf('person', person),
    retryMs: intervals.changeRecordMs,
    record: audit.event,
    report: (problem, error) => log.warn({ cause: describeError(error) }, problem),
  })
}

/** Makes the scanners of a policy: that takes a while, which no request should wait for. */
export function prepareScanners(scanningFor: ScanningFor, { promptGuard, roles }: Policy): void {
  for (const guard of new Set([promptGuard, ...[...roles.values()].map((role) => role.promptGuard)]))
    scanningFor(guard)
}
