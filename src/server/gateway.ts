/**
 * One running gateway, from the ground up: both listeners and everything behind them, or the part of it that this process
 * is. `serve`, `demo` and the tests start it alike; it is closed in the reverse order.
 */
import { describeError } from '../core/refusal.ts'
import { announce, type TakenFiles } from '../files/running.ts'
import type { Console } from '../http/admin/console/console.ts'
import { listenOn } from '../http/data/listen.ts'
import { Closers } from './closers.ts'
import { followChanges } from './follow-changes.ts'
import { type Foundation, type GatewayOptions, openFoundation } from './foundation.ts'
import { createAdminSide, createDataSide, type DataSide } from './listeners.ts'
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
    const { pid } = options.processes
    if (part.kind === 'worker') return await startWorker(foundation, services, part, closers)
    if (part.kind === 'alone') return await startAlone(foundation, services, pid, closers)
    const workers = new Workers(part.host, part.workers, foundation, services)
    return await startPrimary(foundation, services, workers, pid, closers)
  } catch (error) {
    await closers.closeAll()
    throw error
  }
}

async function startAlone(
  foundation: Foundation,
  services: Services,
  pid: number,
  closers: Closers,
): Promise<Gateway> {
  const { atStart, policy, snapshots } = foundation
  const lifecycle = { isDraining: false }
  const { data, tlsFiles } = await createDataSide(foundation, services, closers)
  const tlsProblem = () => (tlsFiles?.reading.ok === false ? tlsFiles.reading : undefined)
  const surroundings = { lifecycle, tlsProblem, workers: undefined }
  const { app: admin, console } = await createAdminSide(foundation, services, surroundings, closers)
  followChanges(foundation, services, data)
  await checkModelServers(foundation, services)
  const urls = {
    data: await listenForData(foundation, data),
    admin: await listenOn(admin, atStart.admin, 'admin', 'http'),
  }
  closers.add(announceGateway(foundation, services, pid, () => takenHere(foundation, services)))
  const impatience = new AbortController()
  return {
    ...urls,
    makeSignInLink: () => signInLink(urls.admin, console),
    told: new Promise(() => {}),
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

/** The primary of several workers: it answers operators and workers, and no client. */
async function startPrimary(
  foundation: Foundation,
  services: Services,
  workers: Workers,
  pid: number,
  closers: Closers,
): Promise<Gateway> {
  const { atStart, snapshots } = foundation
  const lifecycle = { isDraining: false }
  const { app: admin, console } = await createAdminSide(
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
  const urls = {
    data: await workers.start(),
    admin: await listenOn(admin, atStart.admin, 'admin', 'http'),
  }
  closers.add(announceGateway(foundation, services, pid, takenByAll))
  return {
    ...urls,
    makeSignInLink: () => signInLink(urls.admin, console),
    told: new Promise(() => {}),
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

function listenForData({ atStart: { listen } }: Foundation, { app }: DataSide['data']): Promise<string> {
  return listenOn(app, listen, 'listen', listen.tls ? 'https' : 'http')
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
