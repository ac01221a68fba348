/**
 * Graceful shutdown. During the notice everything is accepted, `/readyz` reports draining, and every response asks its
 * client to close the connection, so that load balancers and clients move away. Then the listener and idle connections are
 * closed. Requests in flight have the grace period to finish, and are aborted after it.
 */
import { Server } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { Refusal } from '../../core/refusal.ts'
import type { InFlightRequests } from './in-flight-request.ts'

/** How long a shutdown waits. */
export interface DrainOptions {
  readonly noticeMs: number
  readonly graceMs: number
  /** Aborted to end both waits at once. */
  readonly immediate: AbortSignal
  /** Another process accepts connections from the same socket: this one accepts none any more. */
  readonly isReplaced?: boolean
}

/** How long the error frames of aborted requests may take to leave. */
const lastFramesMs = 500
const idleEveryMs = 50

/** Shuts the data listener down. */
export async function drain(
  app: FastifyInstance,
  inFlightRequests: InFlightRequests,
  { noticeMs, graceMs, immediate, isReplaced }: DrainOptions,
): Promise<void> {
  inFlightRequests.announceClose()
  // Not by HTTP's own `close`, which would end idle connections before their clients had notice.
  if (isReplaced) Server.prototype.close.call(app.server)
  await pause(noticeMs, immediate)
  await waitForIdleTurn()
  // Closes idle connections too.
  const closed = new Promise<unknown>((resolve) => app.server.close(resolve))
  const idle = setInterval(() => app.server.closeIdleConnections(), idleEveryMs)
  const over = new AbortController()
  const end = async () => {
    await pause(graceMs, AbortSignal.any([immediate, over.signal]))
    const stopping = { say: 'The gateway is shutting down.', retryAfterSeconds: 1 }
    inFlightRequests.abort(new Refusal('upstream_unavailable', stopping), () => true)
    await pause(lastFramesMs, over.signal)
    if (!over.signal.aborted) app.server.closeAllConnections()
  }
  void end()
  await closed
  clearInterval(idle)
  over.abort()
  await app.close()
}

const idleTurnMs = 0.3
const maxIdleWaitMs = 500

/**
 * Waits for a turn of the event loop without work. What arrived until then was accepted and read; closing a listener or a
 * connection with unread data would reset its client.
 */
async function waitForIdleTurn(): Promise<void> {
  const latest = performance.now() + maxIdleWaitMs
  for (let began = performance.now(); began < latest; ) {
    await new Promise(setImmediate)
    const now = performance.now()
    if (now - began < idleTurnMs) return
    began = now
  }
}

/** Resolves after `ms`, or when the signal is aborted. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve()
    const timer = setTimeout(done, ms)
    function done() {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    signal.addEventListener('abort', done, { once: true })
  })
}
