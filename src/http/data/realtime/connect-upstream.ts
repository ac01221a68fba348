/** Opens the WebSocket to a model server: fresh headers, no redirect, no compression, no address outside of the policy. */
import type { lookup } from 'node:dns'
import type { LookupFunction } from 'node:net'
import { WebSocket } from 'ws'
import { Refusal } from '../../../core/refusal.ts'
import type { Upstream } from '../../../policy/policy.ts'
import { upstreamRefusal } from '../../upstream-client.ts'
import { createPrivateLookup } from '../../upstream-pool.ts'

/** Bytes of one message of a model server: LocalAI sends the sound of a whole sentence in one. */
const maxServerMessage = 16 * 1024 * 1024

/** What is asked of a model server. */
export interface UpstreamSession {
  readonly upstream: Upstream
  readonly path: string
  /** Canonical. */
  readonly model: string
  readonly traceparent: string
  readonly connectMs: number
  onAbandon(stop: () => void): void
}

/** Makes what connects. @param resolve resolves host names */
export function createUpstreamConnector(
  resolve: typeof lookup,
): (asked: UpstreamSession) => Promise<WebSocket> {
  const privateLookup = createPrivateLookup(resolve)
  // A cast: the overloads of `lookup` are those of the promise of it.
  const anyLookup = resolve as LookupFunction
  return ({ upstream, path, model, traceparent, connectMs, onAbandon }) =>
    new Promise((accept, refuse) => {
      const url = new URL(path, upstream.origin.replace(/^http/, 'ws'))
      url.searchParams.set('model', model)
      const { key } = upstream
      const socket = new WebSocket(url, {
        headers: {
          'user-agent': 'torwart',
          traceparent,
          ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
        },
        lookup: upstream.remote ? anyLookup : privateLookup,
        handshakeTimeout: connectMs,
        perMessageDeflate: false,
        maxPayload: maxServerMessage,
        autoPong: false,
        followRedirects: false,
      })
      // What comes with the handshake waits until somebody listens.
      socket.once('open', () => {
        socket.pause()
        accept(socket)
      })
      // It stays: an error that nobody hears ends the process.
      socket.on('error', (error: Error) => refuse(upstreamRefusal(error)))
      socket.once('unexpected-response', (request, { statusCode }) => {
        request.destroy()
        refuse(
          new Refusal('upstream_failed', {
            detail: `the model server answered ${statusCode} to a WebSocket`,
          }),
        )
      })
      onAbandon(() => socket.terminate())
    })
}
