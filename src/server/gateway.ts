/**
 * One running gateway: both listeners and everything behind them, put together here and taken apart in the
 * reverse order. `serve`, `demo` and the tests start it alike.
 */

import { createPseudonyms } from '../audit/erase/pseudonyms.ts'
import type { Processes } from '../audit/write/lock.ts'
import { readSigningEntries, signingKeysFile } from '../auth/tokens/signing-keys.ts'
import { type Clock, systemClock } from '../core/clock.ts'
import { HeldBytes } from '../core/held-bytes.ts'
import { randomHex } from '../core/random.ts'
import { describeError, Refusal } from '../core/refusal.ts'
import { memoryBudget } from '../files/memory.ts'
import { announce } from '../files/running.ts'
import { createAdminLogins } from '../http/admin/admin-logins.ts'
import { listenOn, requireFreeAddresses } from '../http/data/listen.ts'
import { watchTlsFiles } from '../http/tls/tls.ts'
import { createUpstreamClient } from '../http/upstream-client.ts'
import type { FreezeEntry } from '../kill-switch/freeze-entry.ts'
import { createTurns } from '../limits/slot-queue.ts'
import type { Authenticated } from '../pipeline/context.ts'
import { createRecordPrompt } from '../pipeline/finish/audit-record.ts'
import { createCharges } from '../pipeline/finish/charge.ts'
import { createFingerprintPrompt } from '../pipeline/finish/fingerprint.ts'
import { createLoginFailures } from '../pipeline/finish/login-failures.ts'
import { createRecordedBefore } from '../pipeline/finish/recorded-before.ts'
import { createSettle } from '../pipeline/finish/settle.ts'
import { createAdmit } from '../pipeline/request/admit.ts'
import { isWithdrawn } from '../pipeline/request/authenticate.ts'
import {
  authoriseRoute,
  createAuthoriseModel,
  isFrozen,
  requireThawedCaller,
} from '../pipeline/request/authorise.ts'
import { createLocate } from '../pipeline/request/exceptions.ts'
import { createSecondOpinion } from '../pipeline/request/guard-model.ts'
import { createGuardTurns } from '../pipeline/request/guard-turns.ts'
import { createMatchToolResults } from '../pipeline/request/match-tool-results.ts'
import { createPrepare } from '../pipeline/request/prepare.ts'
import { createReserve } from '../pipeline/request/reserve.ts'
import { createScanning, type ScanningFor } from '../pipeline/request/scan-cache.ts'
import { createScanPrompt } from '../pipeline/request/scan-prompt.ts'
import { createJudgeCalls } from '../pipeline/response/judge-tool-calls.ts'
import { createResponseGuards } from '../pipeline/response/output-guard.ts'
import { createSend } from '../pipeline/response/send.ts'
import { createStoredResponses } from '../pipeline/stored-responses.ts'
import { loadPacks } from '../policy/packs.ts'
import type { Policy } from '../policy/policy.ts'
import { type Log, showAddresses } from '../telemetry/log.ts'
import { createMetrics } from '../telemetry/metrics.ts'
import { createSparing } from '../telemetry/sparing.ts'
import { createFleet } from '../upstreams/fleet.ts'
import { createAdmin } from './admin-listener.ts'
import { openAuditLog, startForwarders } from './audit-wiring.ts'
import { openCallers } from './auth-wiring.ts'
import { openChangeRecord } from './change-record.ts'
import { createApp } from './data-listener.ts'
import { reachOf } from './freeze-reach.ts'
import { openKeysSync } from './keys-sync.ts'
import { openKillSwitch } from './kill-switch-wiring.ts'
import { openRedis, openStore } from './limit-store.ts'
import { createSnapshots, type Reloaded, type SnapshotOptions } from './reload.ts'
import { openToolGate } from './tool-wiring.ts'

export interface GatewayOptions extends Omit<SnapshotOptions, 'now'> {
  readonly log: Log
  readonly processes: Processes
  readonly version: string
  readonly clock?: Clock
  /** Bytes that this process may have, if something bounds it. */
  readonly constrainedMemory?: number | undefined
  /** Writes to stdout, for a receiver of records there. */
  out?(text: string): void
}

export interface Gateway {
  /** URLs of the two listeners. */
  readonly data: string
  readonly admin: string
  /** Reads policy and keys again. */
  reload(): void
  /** Gives `shutdown.notice`, lets running requests finish for as long as `shutdown.grace` says, then cuts them. */
  close(): Promise<void>
  /** Ends notice and grace, now or when they begin. */
  hurry(): void
}

/** @throws PolicyError, or whatever keeps a listener or the log from opening; nothing is left open then */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const closers: Closer[] = []
  const closeAll = async () => {
    for (const close of closers.splice(0).reverse()) await close()
  }
  try {
    return await openGateway(options, closers, closeAll)
  } catch (error) {
    await closeAll()
    throw error
  }
}

/** A minute, with ten lines each. */
const maxToldPeers = 100

type Closer = () => Promise<unknown> | unknown

/** @param closers what must be closed, in the order in which it was opened */
async function openGateway(
  options: GatewayOptions,
  closers: Closer[],
  closeAll: () => Promise<void>,
): Promise<Gateway> {
  const { log } = options
  const clock = options.clock ?? systemClock
  const metrics = createMetrics()
  const standardBudget = memoryBudget(options.constrainedMemory)
  const memory = new HeldBytes(() => policy().memoryBudgetBytes ?? standardBudget)
  const snapshots = createSnapshots({ ...options, now: clock.wallMs })
  closers.push(snapshots.close)
  const policy = () => snapshots.current.policy
  const atStart = policy()
  showAddresses(log, atStart.logAddresses === 'plain')
  log.info({ version: options.version, policy: atStart.version }, 'starting')
  for (const warning of snapshots.warnings) log.warn(warning)
  await requireFreeAddresses(atStart)
  const redis = openRedis(atStart)
  closers.push(() => redis?.close())
  const keysSync = await openKeysSync(redis, policy, clock.wallMs, log)
  closers.push(keysSync.close)

  const recordedBefore = createRecordedBefore(clock)
  const auditParts = {
    ...{ atStart, clock, metrics, log },
    version: options.version,
    processes: options.processes,
    onGone: recordedBefore.forget,
    out: options.out,
  }
  const audit = await openAuditLog(auditParts)
  closers.push(audit.close, ...startForwarders(auditParts, audit))
  /** What cannot be recorded shows in the log not being writable. */
  const recordEvent = (event: string, details: object) => void audit.event(event, details).catch(() => {})
  const loginFailures = createLoginFailures((peer, count, kind) =>
    recordEvent(kind === 'login' ? 'flood' : 'probes', { peer, count }),
  )
  closers.push(loginFailures.close)
  const store = await openStore({ ...atStart.store, redis, clock, metrics, log })
  closers.push(store.close)
  const upstreamClient = createUpstreamClient(policy, memory)
  closers.push(upstreamClient.close)
  const fleet = createFleet({
    current: policy,
    ask: upstreamClient.ask,
    clock,
    onEjected: ({ name }, ms) =>
      log.warn({ upstream: name, seconds: ms / 1000 }, 'model server ejected: it fails while others do not'),
  })
  closers.push(fleet.close)
  let draining = false
  const impatience = new AbortController()

  const freezes = await openKillSwitch({ atStart, redis, clock, log, recordEvent })
  closers.push(() => freezes.close())
  const changes = openChangeRecord({
    auditFile: atStart.audit.file,
    keys: () => ({ ...snapshots.keyFiles, signing: readSigningEntries(signingKeysFile(policy().keysFile)) }),
    orders: () => freezes.all(),
    exceptions: () => policy().exceptions.entries,
    nowMs: clock.wallMs,
    record: audit.event,
    report: (problem, error) => log.warn({ cause: describeError(error) }, problem),
  })
  closers.push(changes.close)
  await changes.tell()

  const scanningFor = createScanning(loadPacks())
  prepareScanners(scanningFor, atStart)

  const toolGate = openToolGate({ atStart, redis, policy, clock, metrics, log, recordEvent })
  closers.push(toolGate.close)
  const { approvals, calls } = toolGate
  const recordPrompt = createRecordPrompt(createPseudonyms(atStart.audit.file), recordedBefore)
  const onOpened = ({ identity, id }: Pick<Authenticated, 'identity' | 'id'>) => {
    metrics.breakerOpenings.inc()
    log.warn({ id, caller: identity.id }, 'a circuit breaker was opened')
    recordEvent('breaker opened', { identity })
  }
  const slots = createTurns(store)
  const { charge, chargeToolCalls } = createCharges({ store, turns: slots, log, clock, onOpened })
  const settle = createSettle({ audit, recordPrompt, charge, loginFailures, metrics, log, clock })
  const stored = createStoredResponses()
  const mayTell = createSparing(clock.monotonicMs)
  /** Of peers, each with lines of its own: one that tries often must not keep others out of the log. */
  const mayTellOf = createSparing(clock.monotonicMs, maxToldPeers)
  const { shared: sharedKeys } = keysSync
  const callers = openCallers({
    policy,
    keys: () => snapshots.current.keys,
    shared: sharedKeys,
    clock,
    metrics,
    log,
    mayTell,
    mayTellOf,
    recordEvent,
  })
  closers.push(callers.close)
  const randomCode = () => randomHex(8)
  const turns = createGuardTurns(clock)
  const makeResponseGuard = createResponseGuards({
    turns,
    scannerFor: (guard) => scanningFor(guard).scanner,
    metrics,
  })
  /** Everything that the command line writes; whoever is hit is cut at once. */
  const lookAgain = () => {
    freezes.refresh()
    snapshots.look()
  }
  const { ask } = upstreamClient
  const locate = createLocate(atStart.keysFile, clock, log)
  const secondOpinion = createSecondOpinion({ ask, isRemote: fleet.isRemote, metrics, clock })
  const { app, drain, cut, door } = await createApp({
    stored,
    makeResponseGuard,
    freezes,
    current: () => snapshots.current,
    upstreamClient,
    metrics,
    memory,
    clock,
    log,
    recordable: audit.writable,
    authenticate: callers.authenticate,
    signing: callers.signing,
    onMinted: callers.onMinted,
    requireThawed: (caller) => requireThawedCaller(caller, freezes),
    admit: createAdmit(store, onOpened),
    fleet,
    authoriseRoute: (caller, to) => authoriseRoute(caller, to, freezes),
    authoriseModel: createAuthoriseModel(fleet, stored, freezes),
    prepare: createPrepare(fleet, randomCode),
    scan: createScanPrompt({ scanningFor, secondOpinion, turns, metrics, locate }),
    matchToolResults: createMatchToolResults(calls, metrics),
    reserve: createReserve(slots, createFingerprintPrompt(), clock),
    send: createSend({
      judgeCallsOf: createJudgeCalls({
        approvals,
        calls,
        lookAgain,
        isInForce: (version) => policy().version === version,
        metrics,
        log,
      }),
      fleet,
      upstreamClient,
      stored,
      clock,
      metrics,
    }),
    recordPrompt,
    chargeToolCalls,
    settle,
    onHandshakeFault: (reason, peer) => {
      metrics.handshakeFailures.inc({ reason })
      if (mayTell(reason)) log.warn({ reason, peer }, 'a TLS handshake failed')
    },
  })
  closers.push(() => app.close())
  const { tls } = atStart.listen
  const tlsFiles =
    tls &&
    watchTlsFiles(app.server, tls, clock.wallMs, (problem) => {
      metrics.policyReloads.inc({ result: problem === undefined ? 'ok' : 'failed' })
      metrics.tlsExpiry.set((tlsFiles?.expiresMs ?? 0) / 1000)
      if (problem === undefined) log.info('certificates reloaded')
      else log.error({ problem }, 'certificates not reloaded; the previous ones stay in force')
      recordEvent(problem === undefined ? 'certificates reloaded' : 'certificates reload failed', {})
    })
  metrics.tlsExpiry.set((tlsFiles?.expiresMs ?? 0) / 1000)
  closers.push(() => tlsFiles?.close())
  const admin = createAdmin({
    policy: atStart.admin,
    metrics,
    log,
    logins: createAdminLogins({
      door: () => policy().door,
      loginThrottle: door,
      ...{ loginFailures, metrics, log, mayTellOf, recordEvent },
    }),
    fleet,
    readiness: async () => ({
      draining,
      policy: policy(),
      warnings: snapshots.warnings,
      reload: tlsFiles?.reading.ok === false ? tlsFiles.reading : snapshots.reading,
      store: {
        kind: atStart.store.redis === undefined ? 'memory' : 'redis',
        up: await store.check(),
        mode: store.mode,
      },
      auditWritable: audit.writable(),
      freezes: freezes.list().length,
    }),
    api: {
      freezes,
      store,
      recordEvent,
      policy,
      shared: sharedKeys,
      nowMs: clock.wallMs,
      reload: snapshots.reload,
      recorded: changes.tell,
      freezeReach: (wish) => reachOf(wish, policy(), snapshots.keyFiles.keys, fleet.listed(), clock.wallMs()),
    },
    approvals: {
      approvals,
      freezes,
      reloadFiles: lookAgain,
      current: () => snapshots.current,
      now: clock.wallMs,
    },
    audit,
  })

  closers.push(() => admin.close())

  const tellOrders = (orders: readonly FreezeEntry[]) => {
    for (const { kind, name, frozen, until } of orders)
      log.warn({ kind, name, until }, frozen ? 'frozen' : 'unfrozen')
    void changes.tell()
    cut(new Refusal('frozen'), (context) => isFrozen(context, freezes))
  }
  const tellReload = ({ before, snapshot, problems, keysOnly }: Reloaded) => {
    audit.reconfigure(snapshot.policy.audit)
    prepareScanners(scanningFor, snapshot.policy)
    log.level = snapshot.policy.logLevel
    showAddresses(log, snapshot.policy.logAddresses === 'plain')
    const { version } = snapshot.policy
    const details = { policy: version, before: before.version, keys: snapshot.keys.size }
    metrics.policyReloads.inc({ result: problems.length === 0 ? 'ok' : 'failed' })
    if (problems.length > 0) log.error({ problems }, 'not reloaded; the previous policy stays in force')
    else log.info(details, 'reloaded')
    for (const warning of snapshots.warnings) log.warn(warning)
    void fleet.look()
    callers.refresh()
    cut(new Refusal('invalid_credentials'), (context) => isWithdrawn(context, snapshot))
    void changes.tell()
    if (problems.length > 0) recordEvent('reload failed', details)
    else if (!keysOnly) recordEvent('reloaded', details)
  }
  // Last, when everything exists that a change reaches.
  freezes.watch(tellOrders)
  snapshots.watch(tellReload)
  keysSync.watch(snapshots.reload)
  for (const { name, up } of await fleet.check())
    if (!up)
      log.warn({ upstream: name }, 'model server does not answer, or its list of models cannot be read')
  const scheme = tls ? 'https' : 'http'
  const data = await listenOn(app, atStart.listen, 'listen', scheme)
  const administration = await listenOn(admin, atStart.admin, 'admin', 'http')
  closers.push(
    announce(
      atStart.audit.file,
      options.processes.pid,
      () => ({ taken: { ...snapshots.taken, freezes: freezes.taken }, models: fleet.listed() }),
      (error) =>
        log.warn(
          { cause: describeError(error) },
          'cannot write the state file that tells commands of this gateway',
        ),
    ),
  )
  return {
    data,
    admin: administration,
    reload() {
      snapshots.reload()
      tlsFiles?.reload()
    },
    hurry: () => impatience.abort(),
    async close() {
      draining = true
      await drain({ ...policy().shutdown, immediate: impatience.signal })
      await closeAll()
    },
  }
}

/** Making one takes a while, which no request should wait for. */
function prepareScanners(scanningFor: ScanningFor, { promptGuard, roles }: Policy): void {
  for (const guard of new Set([promptGuard, ...[...roles.values()].map((role) => role.promptGuard)]))
    scanningFor(guard)
}
