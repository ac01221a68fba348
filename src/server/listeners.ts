/** The two listeners of a gateway, made and not yet listening. */
import type { FastifyInstance } from 'fastify'
import { createAdminLogins } from '../http/admin/admin-logins.ts'
import type { Console } from '../http/admin/console/console.ts'
import type { Readiness } from '../http/admin/health.ts'
import { createLoginThrottle } from '../http/data/login-throttle.ts'
import { type TlsFiles, watchTlsFiles } from '../http/tls/tls.ts'
import type { DriftWatch } from '../model-trust/drift-watch.ts'
import { isDrift } from '../model-trust/judge.ts'
import { requireThawedCaller } from '../pipeline/request/authorise.ts'
import { printMetrics } from '../telemetry/exposition.ts'
import { createAdminListener } from './admin-listener.ts'
import { auditOfAll } from './audit-of-all.ts'
import type { Closers } from './closers.ts'
import { policyParts, rightsParts } from './console-parts.ts'
import { openConsole } from './console-wiring.ts'
import { createDataListener, type DataListener } from './data-listener.ts'
import type { Foundation } from './foundation.ts'
import { reachOf } from './freeze-reach.ts'
import { incidentParts } from './incident-wiring.ts'
import { followOperatorEvents } from './operator-events-wiring.ts'
import type { Services } from './services.ts'
import { createSteps } from './steps.ts'
import type { Workers } from './workers.ts'

/** The data listener, and its certificates. */
export interface DataSide {
  readonly data: DataListener
  /** Undefined: it has no TLS. */
  readonly tlsFiles: TlsFiles | undefined
}

/** Makes the data listener. */
export async function createDataSide(
  foundation: Foundation,
  services: Services,
  closers: Closers,
): Promise<DataSide> {
  const { snapshots, metrics, log, policy, mayTell } = foundation
  const { callers, freezes, shared } = services
  const data = await createDataListener({
    ...foundation,
    ...services,
    ...createSteps(foundation, services, shared.responses),
    stored: shared.responses,
    loginThrottle: createLoginThrottle(shared.failures, () => policy().door),
    current: () => snapshots.current,
    signing: callers.signing,
    onMinted: callers.onMinted,
    requireThawed: (request) => requireThawedCaller(request, freezes),
    onHandshakeFailure: (reason, peer) => {
      metrics.handshakeFailures.inc({ reason })
      if (mayTell(reason)) log.warn({ reason, peer }, 'a TLS handshake failed')
    },
  })
  closers.add(() => data.app.close())
  const tlsFiles = followTlsFiles(foundation, data)
  closers.add(() => tlsFiles?.close())
  return { data, tlsFiles }
}

function followTlsFiles(foundation: Foundation, { app }: DataListener): TlsFiles | undefined {
  const { atStart, clock, intervals, metrics, log, recordEvent } = foundation
  const { tls } = atStart.listen
  const showExpiry = (expiresMs: number) => metrics.tlsExpiry.set(expiresMs / 1000)
  const tlsFiles =
    tls &&
    watchTlsFiles(
      app.server,
      tls,
      { nowMs: clock.wallMs, everyMs: intervals.tlsFilesMs },
      (problem, expiresMs) => {
        metrics.policyReloads.inc({ result: problem === undefined ? 'ok' : 'failed' })
        showExpiry(expiresMs)
        if (problem === undefined) log.info('certificates reloaded')
        else log.error({ problem }, 'certificates not reloaded; the previous ones stay in force')
        recordEvent(problem === undefined ? 'certificates reloaded' : 'certificates reload failed', {})
      },
    )
  showExpiry(tlsFiles?.expiresMs ?? 0)
  return tlsFiles
}

/** What the admin listener tells of the rest. */
export interface AdminSurroundings {
  /** Tells at `/readyz` that the gateway is about to stop. */
  readonly lifecycle: { readonly isDraining: boolean }
  /** How the certificates were read last, if that failed. */
  tlsProblem(): Readiness['reload'] | undefined
  /** Undefined: this process serves alone. */
  readonly workers: Workers | undefined
}

/** The admin listener, and the console that it serves. */
export interface AdminSide {
  readonly app: FastifyInstance
  /** Undefined: the policy wants none. */
  readonly console: Console | undefined
}

/** Makes the admin listener. */
export async function createAdminSide(
  foundation: Foundation,
  services: Services,
  surroundings: AdminSurroundings,
  closers: Closers,
): Promise<AdminSide> {
  const { atStart, policy, snapshots, clock, metrics, keysSync, recordEvent } = foundation
  const { store, fleet, models, freezes, approvals, changes, lookAgain, shared, anomalies } = services
  const { workers } = surroundings
  const nowMs = clock.wallMs
  const readiness = () => readinessOf(foundation, services, surroundings)
  const audit = auditOfAll(foundation, workers)
  const pages = atStart.admin.console ? openConsole(foundation, services, workers, readiness) : undefined
  const app = await createAdminListener({
    console: pages,
    ...{ metrics, fleet, log: foundation.log },
    audit,
    readiness,
    ...incidentParts(foundation),
    exposition: (format) => workers?.metrics(metrics, format) ?? printMetrics(metrics, format),
    policy: atStart.admin,
    inForce: policy,
    models: { models, policy },
    rights: rightsParts(foundation, services),
    limits: { store, policy, keys: () => snapshots.keyFiles.keys, nowMs },
    policyFile: policyParts(foundation, services),
    anomalies,
    logins: createAdminLogins({
      ...foundation,
      door: () => policy().door,
      loginThrottle: createLoginThrottle(shared.failures, () => policy().door),
    }),
    api: {
      ...{ store, recordEvent, policy, nowMs },
      freezes: workers ? workers.frozenEverywhere(freezes) : freezes,
      shared: keysSync.shared,
      reload: async () => {
        snapshots.reload()
        await snapshots.settled()
        await workers?.caughtUp()
        return snapshots.problems
      },
      recorded: changes.tell,
      freezeReach: (wish) => reachOf(wish, policy(), snapshots.keyFiles.keys, fleet.listed(), nowMs()),
    },
    approvals: {
      ...{ approvals, freezes },
      reloadFiles: lookAgain,
      current: () => snapshots.current,
      now: nowMs,
    },
  })
  // Live views end first: the listener closes when no response is open.
  closers.add(
    () => app.close(),
    () => pages?.close(),
    followOperatorEvents(foundation, audit),
  )
  return { app, console: pages }
}

async function readinessOf(
  { atStart, policy, snapshots, audit }: Foundation,
  { store, freezes, models }: Services,
  { lifecycle, tlsProblem, workers }: AdminSurroundings,
): Promise<Readiness> {
  const theirs = await workers?.health()
  return {
    draining: lifecycle.isDraining,
    policy: policy(),
    warnings: snapshots.warnings,
    reload: tlsProblem() ?? theirs?.tlsProblem ?? snapshots.reading,
    store: {
      kind: atStart.store.redis === undefined ? 'memory' : 'redis',
      up: await store.check(),
      mode: theirs?.countLocally ? 'local' : store.mode,
    },
    auditWritable: audit.writable() && theirs?.auditUnwritable !== true,
    freezes: freezes.list().length,
    workers: theirs?.workers,
    models: policy().modelTrust.require.has('digest') ? modelReadiness(models) : undefined,
  }
}

const maxNames = 50

function modelReadiness(models: DriftWatch): Readiness['models'] {
  const { lock } = models
  const doubted = models.statuses().filter(({ doubt }) => isDrift(doubt))
  return {
    lock: lock.state === 'broken' ? lock.reason : lock.state,
    drifted: [...new Set(doubted.map(({ model }) => model))].slice(0, maxNames),
  }
}
