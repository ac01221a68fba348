/**
 * Requests that ask for another protocol. With a listener for them, Node takes the connection away from HTTP; so those that
 * are no WebSocket of a declared route go back to it, and are answered over HTTP/1.1 as if they had not asked (RFC 9110,
 * 7.8: a server may ignore `Upgrade`). Java's client asks for `h2c` by default.
 */
import { type IncomingMessage, type Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'

/** How a server takes a connection on: the listener that Node has registered itself. */
export type TakeConnection = (socket: Socket) => void

/** Finds it; before anything else listens. @param isTls whether connections arrive encrypted */
export function connectionTaker(server: Server, isTls: boolean): TakeConnection {
  const [take] = server.listeners(isTls ? 'secureConnection' : 'connection')
  return (socket) => take?.call(server, socket)
}

/** The first bytes behind the head of a request for a WebSocket. */
const heads = new WeakMap<IncomingMessage, Buffer>()

/** Returns what has come of the WebSocket already, if a request is to become one. */
export function upgradeHead(request: IncomingMessage): Buffer | undefined {
  return heads.get(request)
}

/**
 * Listens for upgrades.
 * @param take gives a connection back to HTTP
 * @param isSession tells whether a WebSocket is offered there
 */
export function listenForUpgrades(
  app: FastifyInstance,
  take: TakeConnection,
  isSession: (request: IncomingMessage) => boolean,
): void {
  app.server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    const response = responseOn(socket, request)
    // A response that is still being written owns the connection. No client asks for another protocol behind it.
    if (!response) socket.destroy()
    else if (isWebSocket(request) && isSession(request)) {
      heads.set(request, head)
      openSession(app, request, response)
    } else {
      response.detachSocket(socket)
      giveBack(request, socket, head, take)
    }
  })
}

/** @returns undefined if another response has the connection */
function responseOn(socket: Socket, request: IncomingMessage): ServerResponse | undefined {
  const response = new ServerResponse(request)
  try {
    response.assignSocket(socket)
    return response
  } catch {
    return undefined
  }
}

function openSession(app: FastifyInstance, request: IncomingMessage, response: ServerResponse): void {
  const { socket } = request
  // Nothing else listens to it by now, and an error that nobody hears ends the process.
  socket.on('error', () => socket.destroy())
  // A request for a WebSocket has no body.
  request.complete = true
  response.shouldKeepAlive = false
  response.once('finish', () => socket.destroySoon())
  app.routing(request, response)
}

function isWebSocket({ method, headers }: IncomingMessage): boolean {
  return method === 'GET' && headers.upgrade?.toLowerCase() === 'websocket'
}

/** Has HTTP read the request again, without the word that makes it an upgrade. */
function giveBack(request: IncomingMessage, socket: Socket, head: Buffer, take: TakeConnection): void {
  const { method, url, httpVersion, rawHeaders } = request
  const lines = [`${method} ${url} HTTP/${httpVersion}`]
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? ''
    const value = rawHeaders[at + 1] ?? ''
    const kept = asksForConnection.test(name) ? withoutUpgrade(value) : value
    if (kept !== undefined) lines.push(`${name}: ${kept}`)
  }
  socket.unshift(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), head]))
  take(socket)
}

/** Node's parser takes the second, which no standard has, for the first. */
const asksForConnection = /^(?:proxy-)?connection$/i

/** @returns undefined if nothing is left, or what the parser might still read as an upgrade: it would come back for ever */
function withoutUpgrade(connection: string): string | undefined {
  const kept = connection.split(',').filter((token) => token.trim().toLowerCase() !== 'upgrade')
  return kept.length === 0 || /upgrade/i.test(kept.join()) ? undefined : kept.join(',')
}
