/**
 * Stopping without losing a request. First the notice: everything is still accepted, `/readyz` says draining, and every
 * answer asks its client to close the connection, so that balancers and clients go elsewhere by themselves. Then the
 * listener closes, with the connections that are idle. What runs has the grace to finish, and is cut after it.
 */
import type { FastifyInstance } from 'fastify'
import { Refusal } from '../../core/refusal.ts'
import type { InFlightRequests } from './in-flight-request.ts'

export interface DrainOptions {
  readonly noticeMs: number
  readonly graceMs: number
  /** Aborted: no more patience. */
  readonly immediate: AbortSignal
}

/** How long the last frames of what was cut may take to leave. */
const lastFramesMs = 500
const idleEveryMs = 50

export async function drain(
  app: FastifyInstance,
  inFlightRequests: InFlightRequests,
  { noticeMs, graceMs, immediate }: DrainOptions,
): Promise<void> {
  inFlightRequests.announceClose()
  await pause(noticeMs, immediate)
  await waitForIdleTurn()
  // With the connections that are idle.
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
 * Waits for a turn of the event loop in which nothing was to be done. Whatever arrived until then was accepted and
 * read; a listener or connection that is closed while something in it is unread would reset its client.
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

/** Resolves after so long, or when the signal says so. */
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
