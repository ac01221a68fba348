/** What everything else of a gateway stands on: the policy, the log, metrics, Redis and the audit log. */
import type { Audit } from '../audit/audit.ts'
import type { Processes } from '../audit/write/lock.ts'
import { type Clock, systemClock } from '../core/clock.ts'
import { HeldBytes } from '../core/held-bytes.ts'
import { type Intervals, standardIntervals } from '../core/intervals.ts'
import { memoryBudget } from '../files/memory.ts'
import { requireFreeAddresses } from '../http/data/listen.ts'
import { createLoginFailures, type LoginFailures } from '../pipeline/finish/login-failures.ts'
import { RequestObservers } from '../pipeline/finish/observers.ts'
import { createRecordedBefore, type RecordedBefore } from '../pipeline/finish/recorded-before.ts'
import { createScanners, createScanning, type ScannerFor } from '../pipeline/request/scan-cache.ts'
import type { Variables } from '../policy/locate.ts'
import { loadPacks } from '../policy/packs.ts'
import type { Policy } from '../policy/policy.ts'
import type { RedisClient } from '../redis/client.ts'
import { type Log, showAddresses } from '../telemetry/log.ts'
import { configureMetrics, createMetrics, type Metrics } from '../telemetry/metrics.ts'
import { createSparing } from '../telemetry/sparing.ts'
import type { Closers } from './closers.ts'
import { type KeysSync, openKeysSync } from './keys-sync.ts'
import { openRedis } from './limit-store.ts'
import { LogKeeper } from './log-keeper.ts'
import { type Part, type Processes as ProcessesOfGateway, partOf } from './part.ts'
import { PolicyTestGate } from './policy-tests.ts'
import { createSnapshots, type SnapshotOptions, type Snapshots } from './reload.ts'
import { TakeOver } from './take-over.ts'

/** What a gateway is started with. */
export interface GatewayOptions
  extends Omit<SnapshotOptions, 'now' | 'intervals' | 'tests'>,
    ProcessesOfGateway {
  readonly log: Log
  readonly processes: Processes
  readonly version: string
  readonly clock?: Clock
  /** The standard ones where absent. */
  readonly intervals?: Partial<Intervals>
  /** Scanners shared with other gateways of this process; its own if absent. */
  readonly scannerFor?: ScannerFor
  /** Gets the number of this process when it listens. */
  readonly pidFile?: string | undefined
  /** Bytes that this process may have, if something bounds it. */
  readonly constrainedMemory?: number | undefined
  /** Writes to stdout, for a receiver of records there. */
  out?(text: string): void
}

/** What was opened first. */
export interface Foundation {
  readonly part: Part
  /** Of the program. */
  readonly version: string
  readonly policyFile: string
  /** Epoch milliseconds. */
  readonly startedAtMs: number
  readonly log: Log
  readonly clock: Clock
  readonly intervals: Intervals
  readonly metrics: Metrics
  readonly snapshots: Snapshots
  /** From which `${VAR}` in the policy is expanded. */
  readonly variables: Variables
  /** Returns the policy in force. */
  policy(): Policy
  /** Sockets, connections and the audit log go by it until a restart. */
  readonly atStart: Policy
  readonly scannerFor: ScannerFor
  /** What requests hold in memory, all together. */
  readonly memory: HeldBytes
  /** Undefined: this gateway stands alone. */
  readonly redis: RedisClient | undefined
  readonly keysSync: KeysSync
  readonly audit: Audit
  readonly logKeeper: LogKeeper
  /** Undefined: no gateway was running that this one takes over from. */
  readonly takeOver: TakeOver | undefined
  /** Puts an event on record. Does not throw: what cannot be recorded shows in the log not being writable. */
  recordEvent(event: string, details: object): void
  readonly recordedBefore: RecordedBefore
  readonly loginFailures: LoginFailures
  readonly observers: RequestObservers
  /** Tells whether one more line of a kind may be logged this minute. */
  mayTell(kind: string): boolean
  /** The same of a kind and an address: one that tries often must not keep others out of the log. */
  mayTellOf(kind: string): boolean
}

/** Addresses that have lines of their own, a minute. */
const maxToldPeers = 100

/** @throws PolicyError; an Error if an address is taken, or the audit log cannot be opened */
export async function openFoundation(options: GatewayOptions, closers: Closers): Promise<Foundation> {
  const { log, clock = systemClock } = options
  const intervals = { ...standardIntervals, ...options.intervals }
  const metrics = createMetrics()
  const { scannerFor = createScanners(loadPacks()), policyFile } = options
  const scanningFor = createScanning(scannerFor)
  const tests = new PolicyTestGate({ policyFile, scanningFor, log, nowMs: clock.wallMs })
  const snapshots = createSnapshots({ ...options, intervals, tests, now: clock.wallMs })
  closers.add(snapshots.close)
  const policy = () => snapshots.current.policy
  await tests.require(policy())
  const atStart = policy()
  configureMetrics(metrics, atStart.telemetry.metrics)
  const part = partOf(options, atStart.workers)
  // Memory is divided between workers, because none can know what the others hold.
  const shares = part.kind === 'worker' ? part.workers : 1
  const standardBudget = memoryBudget(options.constrainedMemory)
  const memory = new HeldBytes(() => (policy().memoryBudgetBytes ?? standardBudget) / shares)
  showAddresses(log, atStart.logAddresses === 'plain')
  if (part.kind !== 'worker') {
    log.info({ version: options.version, policy: atStart.version }, 'starting')
    for (const warning of snapshots.warnings) log.warn(warning)
  }
  // The primary has looked already, and holds the address for its workers.
  if (part.kind !== 'worker') await requireFreeAddresses(atStart, options.sockets)
  const redis = openRedis(atStart)
  closers.add(() => redis?.close())
  // The files of keys are the primary's to write.
  const keysRedis = part.kind === 'worker' ? undefined : redis
  const keysSync = await openKeysSync({ redis: keysRedis, policy, clock, log, intervals })
  closers.add(keysSync.close)
  const recordedBefore = createRecordedBefore()
  const { version, processes, out } = options
  const auditParts = {
    ...{ part, atStart, version, processes, clock, metrics, log, out },
    onGone: () => recordedBefore.forget(),
  }
  const { predecessor } = options
  const takeOver = predecessor && part.kind !== 'worker' ? await TakeOver.begin(predecessor) : undefined
  const logKeeper = await LogKeeper.open(auditParts, closers)
  const { audit } = logKeeper
  const recordEvent = (event: string, details: object) => void audit.event(event, details).catch(() => {})
  const loginFailures = createLoginFailures((peer, count, kind) =>
    recordEvent(kind === 'login' ? 'flood' : 'probes', { peer, count }),
  )
  closers.add(loginFailures.close)
  return {
    ...{ version, policyFile, variables: options.variables, startedAtMs: clock.wallMs() },
    ...{ part, log, clock, metrics, snapshots, policy, atStart, memory, redis, keysSync },
    ...{ audit, logKeeper, takeOver, recordEvent },
    ...{ recordedBefore, loginFailures, scannerFor, intervals },
    observers: new RequestObservers(log),
    mayTell: createSparing(clock.monotonicMs),
    mayTellOf: createSparing(clock.monotonicMs, maxToldPeers),
  }
}
