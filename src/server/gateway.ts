/**
 * One running gateway: both listeners and everything behind them, opened here from the ground up and closed in the
 * reverse order. `serve`, `demo` and the tests start it alike.
 */
import { describeError } from '../core/refusal.ts'
import { announce } from '../files/running.ts'
import { listenOn } from '../http/data/listen.ts'
import { Closers } from './closers.ts'
import { followChanges } from './follow-changes.ts'
import { type Foundation, type GatewayOptions, openFoundation } from './foundation.ts'
import { createListeners, type Listeners } from './listeners.ts'
import { openServices, type Services } from './services.ts'

export type { GatewayOptions } from './foundation.ts'

/** A gateway that listens. */
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

/**
 * Starts a gateway; it listens when this resolves.
 * @throws PolicyError, or whatever keeps a listener or the log from opening; nothing is left open then
 */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const closers = new Closers()
  try {
    const foundation = await openFoundation(options, closers)
    const services = await openServices(foundation, closers)
    const lifecycle = { isDraining: false }
    const listeners = await createListeners(foundation, services, lifecycle, closers)
    followChanges(foundation, services, listeners.data)
    await checkModelServers(foundation, services)
    const urls = await listen(foundation, listeners)
    closers.add(announceGateway(foundation, services, options.processes.pid))
    return runningGateway(urls, foundation, listeners, lifecycle, closers)
  } catch (error) {
    await closers.closeAll()
    throw error
  }
}

async function checkModelServers({ log }: Foundation, { fleet }: Services): Promise<void> {
  for (const { name, up } of await fleet.check())
    if (!up)
      log.warn({ upstream: name }, 'model server does not answer, or its list of models cannot be read')
}

async function listen({ atStart }: Foundation, { data, admin }: Listeners) {
  return {
    data: await listenOn(data.app, atStart.listen, 'listen', atStart.listen.tls ? 'https' : 'http'),
    admin: await listenOn(admin, atStart.admin, 'admin', 'http'),
  }
}

/** Lets commands know of this gateway. @returns what ends that */
function announceGateway(
  { atStart, snapshots, log }: Foundation,
  { freezes, fleet }: Services,
  pid: number,
): () => void {
  return announce(
    atStart.audit.file,
    pid,
    () => ({ taken: { ...snapshots.taken, freezes: freezes.taken }, models: fleet.listed() }),
    (error) =>
      log.warn(
        { cause: describeError(error) },
        'cannot write the state file that commands use to find this gateway',
      ),
  )
}

function runningGateway(
  urls: Pick<Gateway, 'data' | 'admin'>,
  { policy, snapshots }: Foundation,
  { data, tlsFiles }: Listeners,
  lifecycle: { isDraining: boolean },
  closers: Closers,
): Gateway {
  const impatience = new AbortController()
  return {
    ...urls,
    reload() {
      snapshots.reload()
      tlsFiles?.reload()
    },
    hurry: () => impatience.abort(),
    async close() {
      lifecycle.isDraining = true
      await data.drain({ ...policy().shutdown, immediate: impatience.signal })
      await closers.closeAll()
    },
  }
}
