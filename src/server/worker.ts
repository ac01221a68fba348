/** One of the workers of a gateway: it serves the data listener, and does what its primary says. */
import type { ErasureRequest } from '../audit/erase/erasure.ts'
import { listenOn } from '../http/data/listen.ts'
import type { InheritedSockets } from '../http/sockets/inherited.ts'
import { tellMetrics } from '../telemetry/exposition.ts'
import type { Channel } from '../workers/channel.ts'
import type { Closers } from './closers.ts'
import { fingerprintOf } from './config-fingerprint.ts'
import { inFlightIn } from './console-status.ts'
import { serveFeed } from './console-wiring.ts'
import { followChanges } from './follow-changes.ts'
import type { Foundation } from './foundation.ts'
import { createDataSide, type DataSide } from './listeners.ts'
import type { Part } from './part.ts'
import type { Gateway } from './running-gateway.ts'
import type { Services } from './services.ts'
import type { WorkerHealth } from './workers.ts'

/** How long a worker that starts waits for its primary. */
const joinMs = 60_000

/**
 * Starts a worker; it listens when this resolves.
 * @throws Error if the primary serves by another policy, or the address cannot be had
 */
export async function startWorker(
  foundation: Foundation,
  services: Services,
  part: Part & { readonly kind: 'worker' },
  sockets: InheritedSockets | undefined,
  closers: Closers,
): Promise<Gateway> {
  const { channel } = part
  const { atStart, policy, snapshots, audit } = foundation
  const side = await createDataSide(foundation, services, closers)
  followChanges(foundation, services, side.data)
  const impatience = new AbortController()
  let drain: ((how: { readonly notice: boolean }) => void) | undefined
  let noticeMs: number | undefined
  const told = new Promise<void>((resolve) => {
    drain = ({ notice }) => {
      noticeMs = notice ? undefined : 0
      resolve()
    }
  })
  channel.answer({
    ...answersOf(foundation, services, side),
    ...serveFeed(foundation, part, closers),
    'worker.drain': (how: { readonly notice: boolean }) => drain?.(how),
    'worker.hurry': () => impatience.abort(),
  })
  await services.fleet.check()
  await join(channel, foundation)
  const { listen } = atStart
  const data = await listenOn(side.data.app, {
    address: listen,
    listener: 'listen',
    scheme: listen.tls ? 'https' : 'http',
    // Of the primary, for which Node opens it.
    descriptor: sockets?.data,
  })
  channel.tell('worker.listening', [data, audit.instance])
  return {
    data,
    admin: '',
    makeSignInLink: () => undefined,
    told,
    replaced: new Promise(() => {}),
    upgrade() {},
    reload: () => void snapshots.reload(),
    hurry: () => impatience.abort(),
    async close() {
      const { shutdown } = policy()
      await side.data.drain({
        ...shutdown,
        ...(noticeMs === undefined ? {} : { noticeMs }),
        immediate: impatience.signal,
      })
      await closers.closeAll()
    },
  }
}

/** @throws Error if the primary serves by another policy or other keys */
async function join(channel: Channel, { snapshots }: Foundation): Promise<void> {
  // Twice: the files may change between the two readings.
  for (let left = 2; left > 0; left--) {
    snapshots.look()
    await snapshots.settled()
    if (await channel.ask<boolean>('worker.join', [fingerprintOf(snapshots)], joinMs)) return
  }
  throw new Error('the files of policy and keys are not those that the primary serves by')
}

/** What a worker answers its primary. */
function answersOf(
  { snapshots, audit, metrics }: Foundation,
  { freezes, store }: Services,
  { tlsFiles }: DataSide,
) {
  return {
    'worker.reload': async () => {
      snapshots.reload()
      await snapshots.settled()
      return fingerprintOf(snapshots)
    },
    'worker.certificates': () => tlsFiles?.reload(),
    'worker.heard': () => {},
    'worker.freezes': () => freezes.refresh(),
    'worker.health': (): WorkerHealth => ({
      auditWritable: audit.writable(),
      mode: store.mode,
      tlsProblem: tlsFiles?.reading.ok === false ? tlsFiles.reading : null,
    }),
    'worker.inflight': () => inFlightIn(metrics),
    'worker.metrics': () => tellMetrics(metrics),
    'worker.chain': () => ({
      instance: audit.instance,
      writable: audit.writable(),
      head: audit.head,
      checkpoint: audit.checkpoint ?? null,
    }),
    'worker.sign': () => audit.sign(),
    'worker.erase': (request: ErasureRequest, id: string) => audit.erase(request, id),
  }
}
