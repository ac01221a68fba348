/** The two listeners of a gateway, made and not yet listening. */
import type { FastifyInstance } from 'fastify'
import { createAdminLogins } from '../http/admin/admin-logins.ts'
import type { Readiness } from '../http/admin/health.ts'
import { type TlsFiles, watchTlsFiles } from '../http/tls/tls.ts'
import { requireThawedCaller } from '../pipeline/request/authorise.ts'
import { createStoredResponses } from '../pipeline/stored-responses.ts'
import { createAdminListener } from './admin-listener.ts'
import type { Closers } from './closers.ts'
import { createDataListener, type DataListener } from './data-listener.ts'
import type { Foundation } from './foundation.ts'
import { reachOf } from './freeze-reach.ts'
import type { Services } from './services.ts'
import { createSteps } from './steps.ts'

/** Both listeners, and the certificates of the first. */
export interface Listeners {
  readonly data: DataListener
  readonly admin: FastifyInstance
  /** Undefined: the data listener has no TLS. */
  readonly tlsFiles: TlsFiles | undefined
}

/** @param lifecycle tells at `/readyz` that the gateway is about to stop */
export async function createListeners(
  foundation: Foundation,
  services: Services,
  lifecycle: { readonly isDraining: boolean },
  closers: Closers,
): Promise<Listeners> {
  const { snapshots, metrics, log, mayTell } = foundation
  const { callers, freezes } = services
  const stored = createStoredResponses()
  const data = await createDataListener({
    ...foundation,
    ...services,
    ...createSteps(foundation, services, stored),
    stored,
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
  const readiness = () => readinessOf(foundation, services, tlsFiles, lifecycle.isDraining)
  const admin = adminListenerOf(foundation, services, data, readiness)
  closers.add(() => admin.close())
  return { data, admin, tlsFiles }
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

function adminListenerOf(
  foundation: Foundation,
  services: Services,
  { loginThrottle }: DataListener,
  readiness: () => Promise<Readiness>,
): FastifyInstance {
  const { atStart, policy, snapshots, clock, metrics, log, audit, keysSync, recordEvent } = foundation
  const { store, fleet, freezes, approvals, changes, lookAgain } = services
  const nowMs = clock.wallMs
  return createAdminListener({
    ...{ metrics, log, fleet, audit, readiness },
    policy: atStart.admin,
    logins: createAdminLogins({ ...foundation, door: () => policy().door, loginThrottle }),
    api: {
      ...{ freezes, store, recordEvent, policy, nowMs },
      shared: keysSync.shared,
      reload: snapshots.reload,
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
}

async function readinessOf(
  { atStart, policy, snapshots, audit }: Foundation,
  { store, freezes }: Services,
  tlsFiles: TlsFiles | undefined,
  draining: boolean,
): Promise<Readiness> {
  return {
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
  }
}
