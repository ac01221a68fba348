/**
 * One running gateway: both listeners and everything behind them, put together here and taken apart in the
 * reverse order. `serve`, `demo` and the tests start it alike.
 */
import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { createAdmin } from './admin.ts'
import { createApp } from './app.ts'
import type { Processes } from './audit/lock.ts'
import { openAuditLog } from './audit/log.ts'
import { type Clock, systemClock } from './core/clock.ts'
import { watchFiles } from './files/watch.ts'
import { createCourier } from './http/courier.ts'
import { createUpstreamHealth } from './http/upstream-health.ts'
import { readKeyFile } from './identity/key-file.ts'
import { createKeyRing } from './identity/key-ring.ts'
import { createFallbackStore } from './limits/fallback.ts'
import { createMemoryStore } from './limits/memory.ts'
import { createRedisStore } from './limits/redis.ts'
import type { Store } from './limits/store.ts'
import { loadPolicy, type Variables } from './policy/load.ts'
import { loadPacks } from './policy/packs.ts'
import type { Policy } from './policy/policy.ts'
import { PolicyError } from './policy/problem.ts'
import { createScanner } from './scan/scanner.ts'
import { createAdmit } from './stages/admit.ts'
import type { Snapshot } from './stages/exchange.ts'
import { createFlood } from './stages/flood.ts'
import { createForward } from './stages/forward.ts'
import { createIdentify } from './stages/identify.ts'
import { createInspect } from './stages/inspect.ts'
import { createReserve } from './stages/reserve.ts'
import { createSettle } from './stages/settle.ts'
import type { Log } from './telemetry/log.ts'
import { createMetrics, type Metrics } from './telemetry/metrics.ts'

export interface GatewayOptions {
  readonly policyFile: string
  readonly variables: Variables
  readonly log: Log
  readonly processes: Processes
  readonly version: string
  /** Instead of what the policy says, from the command line. */
  readonly listen?: Address
  readonly admin?: Address
  readonly clock?: Clock
}

type Address = Pick<Policy['listen'], 'host' | 'port' | 'loopback'>

export interface Gateway {
  /** URLs of the two listeners. */
  readonly data: string
  readonly admin: string
  /** Reads policy and keys again. A bad file changes nothing. */
  reload(): void
  /** Lets running requests finish for as long as `shutdown.grace` says, then cuts them. */
  close(): Promise<void>
}

/** @throws PolicyError, or whatever keeps a listener or the log from opening */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const { log, policyFile } = options
  const clock = options.clock ?? systemClock
  const metrics = createMetrics()
  let snapshot = load(options)
  const current = () => snapshot
  for (const warning of snapshot.policy.warnings) log.warn(warning)

  const { policy } = snapshot
  const audit = openAuditLog({
    file: policy.audit.file,
    sync: policy.audit.sync,
    clock,
    processes: options.processes,
    about: { version: options.version, policy: policy.version },
    report: (problem, error) =>
      log.error({ cause: error === undefined ? undefined : String(error) }, problem),
  })
  /** What cannot be recorded shows in the log not being writable. */
  const recordEvent = (event: string, details: object) => void audit.event(event, details).catch(() => {})
  const flood = createFlood((peer, count) => recordEvent('flood', { peer, refused: count }))
  const store = createStore(policy, clock, metrics, log)
  const courier = createCourier(() => snapshot.policy)
  const upstreams = createUpstreamHealth(() => snapshot.policy, courier, clock)
  let draining = false
  let reloaded: { ok: boolean; at: string; place?: string } = {
    ok: true,
    at: new Date(clock.wallMs()).toISOString(),
  }

  const reload = () => {
    const at = new Date(clock.wallMs()).toISOString()
    try {
      const before = snapshot.policy.version
      snapshot = load(options)
      reloaded = { ok: true, at }
      audit.configure(snapshot.policy.audit.sync)
      log.level = snapshot.policy.logLevel
      watch.close()
      watch = watchFiles([policyFile, snapshot.policy.keysFile], reload)
      metrics.policyReloads.inc({ result: 'ok' })
      log.info({ policy: snapshot.policy.version, keys: snapshot.keys.size }, 'policy reloaded')
      recordEvent('reloaded', { policy: snapshot.policy.version, before, keys: snapshot.keys.size })
    } catch (error) {
      const first = error instanceof PolicyError ? error.problems[0] : undefined
      reloaded = {
        ok: false,
        at,
        place: first ? `line ${first.line}, column ${first.column}` : 'see the log',
      }
      metrics.policyReloads.inc({ result: 'failed' })
      log.error({ problems: String(error instanceof Error ? error.message : error) }, 'policy not reloaded')
    }
  }
  let watch = watchFiles([policyFile, policy.keysFile], reload)

  const settle = createSettle({ audit, store, flood, metrics, log, clock })
  const scanner = createScanner(loadPacks())
  const { app, drain } = await createApp({
    current,
    courier,
    metrics,
    clock,
    log,
    recordable: audit.writable,
    identify: createIdentify(clock, (reason) => metrics.credentialFailures.inc({ reason })),
    admit: createAdmit(store),
    inspect: createInspect(scanner, metrics, clock),
    reserve: createReserve(store),
    forward: createForward(courier, clock, metrics),
    settle,
  })
  const admin = createAdmin({
    metrics,
    upstreams,
    readiness: () => ({
      draining,
      policy: snapshot.policy,
      reload: reloaded,
      store: { kind: policy.store.redis === undefined ? 'memory' : 'redis', up: store.up },
      auditWritable: audit.writable(),
    }),
  })

  const stopAll = async () => {
    watch.close()
    await admin.close()
    await courier.close()
    await store.close()
    flood.close()
    await audit.close()
  }
  try {
    const scheme = policy.listen.tls ? 'https' : 'http'
    const data = await listen(app, policy.listen, scheme)
    const administration = await listen(admin, policy.admin, 'http')
    return {
      data,
      admin: administration,
      reload,
      async close() {
        draining = true
        await drain(snapshot.policy.shutdownGraceMs)
        await stopAll()
      },
    }
  } catch (error) {
    await app.close()
    await stopAll()
    throw error
  }
}

/** @throws PolicyError for the policy, TypeError for the keys */
function load({ policyFile, variables, listen, admin }: GatewayOptions): Snapshot {
  const { policy } = loadPolicy(policyFile, variables)
  const overridden = {
    ...policy,
    listen: { ...policy.listen, ...listen },
    admin: { ...policy.admin, ...admin },
  }
  if (!overridden.admin.loopback && overridden.admin.token === undefined)
    throw new TypeError('the admin listener needs admin.token as soon as its address is not loopback')
  return Object.freeze({
    policy: Object.freeze(overridden),
    keys: createKeyRing(readKeyFile(policy.keysFile)),
  })
}

function createStore({ store }: Policy, clock: Clock, metrics: Metrics, log: Log): Store {
  const local = createMemoryStore(clock)
  if (store.redis === undefined) return local
  let lastSaidMs = Number.NEGATIVE_INFINITY
  const onceASecond = (say: () => void) => {
    if (clock.monotonicMs() - lastSaidMs < 1000) return
    lastSaidMs = clock.monotonicMs()
    say()
  }
  const shared = createRedisStore({
    url: store.redis,
    timeoutMs: store.timeoutMs,
    onError: (error) =>
      onceASecond(() =>
        log.error({ cause: (error as NodeJS.ErrnoException).code ?? error.name }, 'redis is away'),
      ),
  })
  if (store.onFailure === 'refuse') return shared
  return createFallbackStore(shared, local, () => {
    metrics.storeFallbacks.inc()
    onceASecond(() => log.warn('redis is away: limits are counted in this gateway alone'))
  })
}

async function listen(app: FastifyInstance, { host, port }: Address, scheme: string): Promise<string> {
  await app.listen({ host, port })
  const { port: actual } = app.server.address() as AddressInfo
  return `${scheme}://${host.includes(':') ? `[${host}]` : host}:${actual}`
}
