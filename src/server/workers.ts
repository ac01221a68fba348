/** How a primary starts, updates, asks, replaces and stops its workers. */
import { workerChain } from '../audit/chains.ts'
import type { Erased, ErasureRequest } from '../audit/erase/erasure.ts'
import { verifyLog } from '../audit/verify/verify.ts'
import { workerStarted } from '../audit/verify/verify-chains.ts'
import { readPublicKeys } from '../audit/write/signer.ts'
import { describeError } from '../core/refusal.ts'
import { NotNow } from '../http/admin/admin-errors.ts'
import { WorkersFeed } from '../http/admin/console/live/feed.ts'
import type { LiveRow } from '../http/admin/console/live/row.ts'
import type { Readiness } from '../http/admin/health.ts'
import type { KillSwitch } from '../kill-switch/kill-switch.ts'
import type { ExpositionFormat, ToldMetrics } from '../telemetry/exposition.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import { WorkerMetrics } from '../telemetry/worker-metrics.ts'
import { serveObservations } from '../workers/anomalies.ts'
import { answerTimeoutMs } from '../workers/channel.ts'
import { serveLimits } from '../workers/limits.ts'
import { serveSlots } from '../workers/slots.ts'
import { type Ended, Supervisor, type WorkerHost } from '../workers/supervisor.ts'
import { fingerprintOf } from './config-fingerprint.ts'
import type { Foundation } from './foundation.ts'
import type { Services } from './services.ts'
import { serveSharedState } from './shared-state.ts'

/** How a worker is, as it answers its primary. */
export interface WorkerHealth {
  readonly auditWritable: boolean
  readonly mode: 'shared' | 'local'
  readonly tlsProblem: Readiness['reload'] | null
}

/** How all workers are. */
interface HealthOfAll {
  readonly workers: NonNullable<Readiness['workers']>
  /** One of them cannot write its chain. */
  readonly auditUnwritable: boolean
  readonly countLocally: boolean
  readonly tlsProblem: Readiness['reload'] | undefined
}

/** How long a worker has to answer what an operator asks. */
const answerMs = 1000
/** How often spare slots are recalled while requests wait for model servers. */
const recallMs = 400
/** Added to notice and grace: time for a worker to close its files and connections. */
const closingMs = 10_000

/** The workers of a gateway. */
export class Workers {
  readonly #foundation: Foundation
  readonly #services: Services
  readonly #count: number
  readonly #supervisor: Supervisor
  readonly #metrics = new WorkerMetrics()
  readonly #recalling: NodeJS.Timeout
  /** What they serve, for whoever watches. */
  readonly feed = new WorkersFeed({
    recent: async () => [
      ...(await this.#supervisor.collect<LiveRow[]>('live.recent', [], answerMs)).values(),
    ],
    ask: () => this.#supervisor.tell('live.watch'),
  })

  constructor(host: WorkerHost, count: number, foundation: Foundation, services: Services) {
    const { snapshots, policy, log, recordEvent } = foundation
    this.#foundation = foundation
    this.#services = services
    this.#count = count
    this.#supervisor = new Supervisor({
      ...{ count, host },
      serve: () => this.#serve(),
      fingerprint: () => {
        snapshots.look()
        return fingerprintOf(snapshots)
      },
      onStarted(worker, pid, instance) {
        log.info({ worker, pid, instance }, 'worker started')
        recordEvent(workerStarted, { worker, instance })
      },
      onEnded: (ended) => this.#ended(ended),
      onRetired(worker, why) {
        log.warn({ worker, why }, 'worker is replaced')
        recordEvent('worker replaced', { worker, why })
      },
      drainMs: () => policy().shutdown.noticeMs + policy().shutdown.graceMs + closingMs,
    })
    this.#recalling = setInterval(() => {
      if (services.fleet.waiting > 0) this.#supervisor.tell('slots.recall')
    }, recallMs)
    this.#recalling.unref()
    services.shared.approvals.onNews(() => this.#supervisor.tell('approvals.news'))
  }

  /** @returns the URL they listen on @throws Error if one of them cannot start */
  start(): Promise<string> {
    return this.#supervisor.start()
  }

  /** Resolves when they serve by the policy and keys in force. Never rejects. */
  async caughtUp(): Promise<void> {
    await this.#foundation.snapshots.settled()
    await this.#supervisor.reload()
  }

  /** Has them read their certificates again. */
  reloadCertificates(): void {
    this.#supervisor.tell('worker.certificates')
  }

  /** Has them read the freezes. Never rejects. */
  readFreezes(): Promise<void> {
    return this.#supervisor.readFreezes()
  }

  /** Wraps a kill switch: `issue` resolves when every worker applies the order. */
  frozenEverywhere(freezes: KillSwitch): Pick<KillSwitch, 'list' | 'issue'> {
    return {
      list: () => freezes.list(),
      issue: async (request) => {
        const entry = await freezes.issue(request)
        await this.readFreezes()
        return entry
      },
    }
  }

  async health(): Promise<HealthOfAll> {
    const told = [...(await this.#supervisor.collect<WorkerHealth>('worker.health', [], answerMs)).values()]
    return {
      workers: { wanted: this.#count, ready: this.#supervisor.ready },
      auditUnwritable: told.some(({ auditWritable }) => !auditWritable),
      countLocally: told.some(({ mode }) => mode === 'local'),
      tlsProblem: told.find(({ tlsProblem }) => tlsProblem)?.tlsProblem ?? undefined,
    }
  }

  /** Counts the requests that they serve now. */
  async inFlight(): Promise<number> {
    const told = await this.#supervisor.collect<number>('worker.inflight', [], answerMs)
    return [...told.values()].reduce((sum, count) => sum + count, 0)
  }

  /** Prints the metrics of all. */
  async metrics(own: Metrics, format: ExpositionFormat): Promise<string> {
    const told = await this.#supervisor.collect<ToldMetrics>('worker.metrics', [], answerMs)
    for (const [worker, metrics] of told) this.#metrics.take(worker, metrics)
    return this.#metrics.print(own, format)
  }

  /** Returns the ends of their chains. */
  async chains(): Promise<readonly object[]> {
    const told = await this.#supervisor.collect<object>('worker.chain', [], answerMs)
    return [...told].map(([worker, chain]) => ({ worker, ...chain }))
  }

  async sign(): Promise<void> {
    await this.#supervisor.collect('worker.sign', [], answerTimeoutMs)
  }

  /** @throws NotNow while one of them is being replaced */
  requireAll(): void {
    if (this.#supervisor.ready < this.#count)
      throw new NotNow('A worker is being replaced. Nothing was erased; try again.')
  }

  /** Erases in every chain. @throws Error if a worker dies meanwhile: it can be asked again */
  async erase(request: ErasureRequest, id: string): Promise<readonly Erased[]> {
    const erased: Erased[] = []
    for (let worker = 1; worker <= this.#count; worker++)
      erased.push(await this.#supervisor.ask<Erased>(worker, 'worker.erase', [request, id]))
    return erased
  }

  hurry(): void {
    this.#supervisor.tell('worker.hurry')
  }

  /** Lets them finish. Resolves when they are gone. */
  stop(): Promise<void> {
    clearInterval(this.#recalling)
    return this.#supervisor.stop()
  }

  #serve() {
    const { policy, keysSync } = this.#foundation
    const { shared, fleet, anomalies } = this.#services
    const limits = serveLimits(shared.limits, () => this.#supervisor.heardAll())
    const slots = serveSlots(fleet, () => policy().upstreams, {
      onForget: (upstream, key) => {
        fleet.forget(upstream)
        this.#supervisor.tell('slots.forgotten', [key])
      },
      onWait: () => this.#supervisor.tell('slots.recall'),
    })
    return {
      handlers: {
        ...limits.handlers,
        ...slots.handlers,
        ...serveSharedState(shared),
        'live.rows': (rows: readonly LiveRow[], dropped: number) => this.feed.take(rows, dropped),
        ...serveObservations((batch) => anomalies.take(batch)),
        'keys.synchronise': async () => (await keysSync.shared?.synchronise()) ?? false,
      },
      release() {
        limits.release()
        slots.release()
      },
    }
  }

  /** Records in which state a worker left its chain, before its replacement continues that. */
  async #ended({ worker, code, signal }: Ended): Promise<void> {
    const { log, recordEvent, atStart } = this.#foundation
    await this.#metrics.forget(worker)
    const left = await verdictOn(workerChain(atStart.audit.file, worker))
    log.error({ worker, code, signal, left }, 'a worker ended and is replaced')
    recordEvent('worker ended', { worker, code, signal, left })
  }
}

/** Verifies the segment that a worker was writing. */
async function verdictOn(file: string): Promise<object> {
  try {
    const keys = await readPublicKeys(`${file}.pub`)
    const { records, bad } = await verifyLog(file, {
      sinceMs: Date.now(),
      ...(keys.size > 0 ? { keys } : {}),
    })
    return { verified: records, problem: bad?.why ?? null }
  } catch (error) {
    return { verified: 0, problem: describeError(error) }
  }
}
