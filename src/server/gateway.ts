/**
 * One running gateway, from the ground up: both listeners and everything behind them, or the part of it that this process
 * is. `serve`, `demo` and the tests start it alike; it is closed in the reverse order.
 */
import { describeError } from '../core/refusal.ts'
import { writePidFile } from '../files/pid-file.ts'
import { announce, type TakenFiles } from '../files/running.ts'
import type { Console } from '../http/admin/console/console.ts'
import { listenOn } from '../http/data/listen.ts'
import { Closers } from './closers.ts'
import { followChanges } from './follow-changes.ts'
import { type Foundation, type GatewayOptions, openFoundation } from './foundation.ts'
import { HandOver } from './hand-over.ts'
import { type AdminSide, createAdminSide, createDataSide, type DataSide } from './listeners.ts'
import type { Gateway } from './running-gateway.ts'
import { openServices, type Services } from './services.ts'
import { startWorker } from './worker.ts'
import { Workers } from './workers.ts'

export type { GatewayOptions } from './foundation.ts'
export type { Gateway } from './running-gateway.ts'

/**
 * Starts a gateway; it listens when this resolves.
 * @throws PolicyError, or whatever keeps a listener or the log from opening; nothing is left open then
 */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const closers = new Closers()
  try {
    const foundation = await openFoundation(options, closers)
    const services = await openServices(foundation, closers)
    const { part } = foundation
    if (part.kind === 'worker') return await startWorker(foundation, services, part, options.sockets, closers)
    if (part.kind === 'alone') return await startAlone(foundation, services, options, closers)
    const workers = new Workers(part.host, part.workers, foundation, services)
    return await startPrimary(foundation, services, { ...options, workers }, closers)
  } catch (error) {
    await closers.closeAll()
    throw error
  }
}

async function startAlone(
  foundation: Foundation,
  services: Services,
  options: GatewayOptions,
  closers: Closers,
): Promise<Gateway> {
  const { policy, snapshots } = foundation
  const lifecycle = { isDraining: false }
  const { data, tlsFiles } = await createDataSide(foundation, services, closers)
  const tlsProblem = () => (tlsFiles?.reading.ok === false ? tlsFiles.reading : undefined)
  const surroundings = { lifecycle, tlsProblem, workers: undefined }
  const adminSide = await createAdminSide(foundation, services, surroundings, closers)
  followChanges(foundation, services, data)
  await checkModelServers(foundation, services)
  const serving = await serve(foundation, services, options, {
    ...{ adminSide, closers, taken: () => takenHere(foundation, services) },
    listen: () => listenForData(foundation, data, options),
  })
  const { urls, handOver } = serving
  const impatience = new AbortController()
  return {
    ...urls,
    makeSignInLink: () => signInLink(urls.admin, adminSide.console),
    told: new Promise(() => {}),
    replaced: handOver.replaced,
    upgrade: () => handOver.begin(),
    reload() {
      snapshots.reload()
      tlsFiles?.reload()
    },
    hurry: () => impatience.abort(),
    async close() {
      await handOver.settled()
      lifecycle.isDraining = true
      const { isReplaced } = handOver
      await data.drain({ ...policy().shutdown, immediate: impatience.signal, isReplaced })
      await closers.closeAll()
      handOver.leave()
    },
  }
}

/** The primary of several workers: it answers operators and workers, and no client. */
async function startPrimary(
  foundation: Foundation,
  services: Services,
  options: GatewayOptions & { readonly workers: Workers },
  closers: Closers,
): Promise<Gateway> {
  const { log, snapshots } = foundation
  const { workers } = options
  const lifecycle = { isDraining: false }
  const adminSide = await createAdminSide(
    foundation,
    services,
    { lifecycle, tlsProblem: () => undefined, workers },
    closers,
  )
  closers.add(() => workers.stop())
  // What commands wait for: the files that every worker has followed. While one still reads, those before.
  let taken = takenHere(foundation, services)
  let followers = 0
  const takenByAll = () => {
    if (followers === 0) taken = takenHere(foundation, services)
    return taken
  }
  const follow = async (work: Promise<void>) => {
    followers++
    await work.finally(() => followers--)
  }
  followChanges(foundation, services, {
    abort() {},
    onReload: () => void follow(workers.caughtUp()),
    onFreeze: () => void follow(workers.readFreezes()),
  })
  await checkModelServers(foundation, services)
  const { urls } = await serve(foundation, services, options, {
    ...{ adminSide, closers, taken: takenByAll },
    listen: () => workers.start(),
  })
  return {
    ...urls,
    makeSignInLink: () => signInLink(urls.admin, adminSide.console),
    told: new Promise(() => {}),
    replaced: new Promise(() => {}),
    upgrade: () => log.error('a gateway with several workers cannot be upgraded while it runs: restart it'),
    reload() {
      snapshots.reload()
      workers.reloadCertificates()
    },
    hurry: () => workers.hurry(),
    async close() {
      lifecycle.isDraining = true
      await workers.stop()
      await closers.closeAll()
    },
  }
}

/** In the fragment, which is sent to no server. */
function signInLink(admin: string, console: Console | undefined): string | undefined {
  return console && `${admin}/console/#link=${console.makeSignInLink()}`
}

async function checkModelServers({ log }: Foundation, { fleet, models }: Services): Promise<void> {
  for (const { name, up } of await fleet.check())
    if (!up)
      log.warn({ upstream: name }, 'model server does not answer, or its list of models cannot be read')
  models.compare()
}

function listenForData(
  { atStart: { listen } }: Foundation,
  { app }: DataSide['data'],
  { sockets }: GatewayOptions,
): Promise<string> {
  const scheme = listen.tls ? 'https' : 'http'
  return listenOn(app, { address: listen, listener: 'listen', scheme, descriptor: sockets?.data })
}

/** What differs between a gateway of one process and one of several. */
interface ServingParts {
  readonly adminSide: AdminSide
  readonly closers: Closers
  /** Begins to accept requests. @returns the URL */
  listen(): Promise<string>
  taken(): TakenFiles
}

/** Opens the listeners, last of all, and takes the place of the gateway before if there is one. */
async function serve(
  foundation: Foundation,
  services: Services,
  options: GatewayOptions,
  { adminSide: { app, console }, closers, listen, taken }: ServingParts,
) {
  const { atStart, takeOver, logKeeper, log } = foundation
  await takeOver?.takeState(services.shared.succession)
  const urls = {
    data: await listen(),
    admin: await listenOn(app, {
      ...{ address: atStart.admin, listener: 'admin', scheme: 'http' },
      descriptor: options.sockets?.admin,
    }),
  }
  const { pidFile, processes } = options
  // Before the gateway ends whose number it has.
  if (pidFile !== undefined) closers.add(writePidFile(pidFile, processes.pid))
  await takeOver?.takeClients(() => {
    log.info('upgrade: the gateway before has ended')
    logKeeper
      .adopt()
      .catch((error: unknown) =>
        log.error({ cause: describeError(error) }, 'cannot tend what the gateway before has recorded'),
      )
  })
  const unannounce = announceGateway(foundation, services, processes.pid, taken)
  closers.add(unannounce)
  const handOver = new HandOver({
    ...{ processes: options, foundation, services, urls },
    onReplaced() {
      unannounce()
      console?.close()
      void app.close()
    },
  })
  return { urls, handOver }
}

function takenHere({ snapshots }: Foundation, { freezes, modelWatch }: Services): TakenFiles {
  return { ...snapshots.taken, freezes: freezes.taken, lock: modelWatch.taken }
}

/** Lets commands know of this gateway. @returns what ends that */
function announceGateway(
  { atStart, log }: Foundation,
  { fleet }: Services,
  pid: number,
  taken: () => TakenFiles,
): () => void {
  return announce(
    atStart.audit.file,
    pid,
    () => ({ taken: taken(), models: fleet.listed() }),
    (error) =>
      log.warn(
        { cause: describeError(error) },
        'cannot write the state file that commands use to find this gateway',
      ),
  )
}
