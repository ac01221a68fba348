/**
 * `GET /v1/realtime`: everything that can refuse a session does so before the connection becomes a WebSocket, in HTTP. Then
 * the session lives until one side closes it (`pipeline/realtime/session.ts`).
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type WebSocket, WebSocketServer } from 'ws'
import { holderOf } from '../../../auth/identity.ts'
import { randomHex } from '../../../core/random.ts'
import { asRefusal, Refusal } from '../../../core/refusal.ts'
import type { Dialect, SessionRoute } from '../../../dialects/dialect.ts'
import { Conversation } from '../../../dialects/realtime/conversation.ts'
import { sessionRequests } from '../../../dialects/realtime/realtime.ts'
import { ClientLeft } from '../../../pipeline/cancellation.ts'
import type { Guarded, RequestContext } from '../../../pipeline/context.ts'
import type { ResponseWriter } from '../../../pipeline/ports.ts'
import { RealtimeSession } from '../../../pipeline/realtime/session.ts'
import type { JudgedBody, Pipeline, Steps } from '../../../pipeline/steps.ts'
import type { Upstream } from '../../../policy/policy.ts'
import type { Fleet } from '../../../upstreams/fleet.ts'
import type { InFlightRequests } from '../in-flight-request.ts'
import type { createUpstreamConnector } from './connect-upstream.ts'
import { WebSocketEvents } from './event-socket.ts'
import { modelOf, requireOrigin, requireWebSocket, subprotocol, takeKeyFromProtocols } from './handshake.ts'
import { upgradeHead } from './upgrade.ts'

/** What the route needs. */
export interface SessionRouteParts {
  readonly inFlightRequests: InFlightRequests
  readonly pipeline: Pipeline
  readonly steps: Steps
  readonly fleet: Pick<Fleet, 'slot' | 'tell'>
  readonly connect: ReturnType<typeof createUpstreamConnector>
}

/** Bytes of the id of an item that came without one. */
const itemIdBytes = 12

/** Registers the route. */
export function registerSessionRoute(
  app: FastifyInstance,
  dialect: Dialect,
  endpoint: SessionRoute,
  parts: SessionRouteParts,
): void {
  const acceptor = createAcceptor()
  app.route({
    method: endpoint.method,
    url: endpoint.path,
    handler: async (request, reply) => {
      reply.hijack()
      takeKeyFromProtocols(request.raw)
      const { inFlightRequests, pipeline } = parts
      const { context, writer } = inFlightRequests.receive(
        request,
        reply,
        dialect,
        endpoint.path,
        'sessionMs',
      )
      if (!upgradeHead(request.raw)) return pipeline.turnAway(context, noWebSocket(), writer)
      try {
        await new SessionOpening(request, { dialect, endpoint, context, writer }, parts).run(acceptor, reply)
      } catch (thrown) {
        pipeline.refuse(context, thrown, writer)
      }
    },
  })
}

function noWebSocket(): Refusal {
  return new Refusal('invalid_request', {
    say: 'This route is a WebSocket. Connect to it with `Upgrade: websocket`.',
  })
}

interface OpeningRequest {
  readonly dialect: Dialect
  readonly endpoint: SessionRoute
  readonly context: RequestContext
  readonly writer: ResponseWriter
}

/** One session that is being opened. */
class SessionOpening {
  readonly #http: FastifyRequest
  readonly #request: OpeningRequest
  readonly #parts: SessionRouteParts

  constructor(http: FastifyRequest, request: OpeningRequest, parts: SessionRouteParts) {
    this.#http = http
    this.#request = request
    this.#parts = parts
  }

  /** Opens the session, and waits for its end. @throws Refusal, before the connection is a WebSocket */
  async run(accept: Accept, reply: FastifyReply): Promise<void> {
    const { raw, originalUrl } = this.#http
    const { context, writer, dialect } = this.#request
    const { pipeline, steps, inFlightRequests } = this.#parts
    const conversation = new Conversation(() => `item_${randomHex(itemIdBytes)}`)
    const requests = sessionRequests({
      settings: () => conversation.settings,
      item: (id) => conversation.find(id),
      model: () => context.prompt?.model ?? '',
    })
    const opening = this.#bodyOf(() => {
      requireWebSocket(raw)
      requireOrigin(raw, context.policy)
      return JSON.stringify(conversation.body(modelOf(originalUrl)))
    })
    const request = await pipeline.judge(context, { dialect, endpoint: requests.opening }, opening)
    const { upstream, socket } = await this.#connect(request)
    const client = accept(raw, reply.raw, request.role.caps.bodyBytes)
    if (!client) {
      socket.terminate()
      throw context.cancellation.cause ?? new ClientLeft()
    }
    let count = 0
    await runSession(
      client,
      socket,
      (clientSide, serverSide) => {
        const begin = () => inFlightRequests.begin(context, `${context.id}.${++count}`)
        const failedLogin = () => writer.failedLogin()
        return new RealtimeSession(
          { steps, request, context, upstream, dialect, requests, conversation, begin, failedLogin },
          clientSide,
          serverSide,
        )
      },
      request.policy.timeouts.writeMs,
    )
  }

  /** The opening's body is made when the caller is known: who is not learns nothing from what is wrong with it. */
  #bodyOf(body: () => string): JudgedBody {
    const { writer } = this.#request
    const none = () => {
      throw new TypeError('a session has no forms and no uploads')
    }
    return {
      body: async () => Buffer.from(body()),
      ...{ form: none, upload: none, parameter: '' },
      failedLogin: () => writer.failedLogin(),
    }
  }

  /** Connects to a model server that has the model, or the next one. @throws Refusal */
  async #connect(request: Guarded): Promise<{ upstream: Upstream; socket: WebSocket }> {
    const { fleet, connect } = this.#parts
    const { target, cancellation, policy, identity, model, trace } = request
    const tried = new Set<Upstream>()
    for (;;) {
      const slot = await fleet.slot({
        target,
        tried,
        owner: holderOf(identity),
        queue: policy.queue,
        left: () => cancellation.over,
        onLeave: cancellation.onEnd.bind(cancellation),
      })
      const { upstream } = slot
      tried.add(upstream)
      try {
        const socket = await connect({
          upstream,
          path: this.#request.endpoint.path,
          model: model.served,
          traceparent: trace.onward,
          connectMs: policy.timeouts.connectMs,
          onAbandon: (stop) => cancellation.onEnd(stop),
        })
        return { upstream, socket }
      } catch (thrown) {
        if (cancellation.over) throw cancellation.cause
        const refusal = asRefusal(thrown)
        // One that has answered is there, whatever it said.
        if (refusal.cause !== undefined) fleet.tell(upstream, 'unreachable', 0)
        if (tried.size >= target.upstreams.length) throw refusal
      } finally {
        cancellation.onEnd(undefined)
        slot.release()
      }
    }
  }
}

/** Joins two WebSockets by a session. Resolves when it is on record and both are closing. */
async function runSession(
  client: WebSocket,
  server: WebSocket,
  open: (client: WebSocketEvents, server: WebSocketEvents) => RealtimeSession,
  stallMs: number,
): Promise<void> {
  const clientSide = new WebSocketEvents(client, stallMs)
  const serverSide = new WebSocketEvents(server, stallMs)
  const session = open(clientSide, serverSide)
  clientSide.listen({
    message: (text) => session.fromClient(text),
    closed: (code) => session.clientClosed(code),
    broken: (code) =>
      session.end(
        new Refusal('invalid_request', { detail: `a WebSocket that was closed with ${code}` }),
        code,
      ),
  })
  serverSide.listen({
    message: (text) => session.fromServer(text),
    closed: () => session.serverClosed(),
    broken: () => session.serverClosed(),
  })
  serverSide.resume()
  await session.over
}

/** @returns undefined if the connection is gone */
type Accept = (
  request: IncomingMessage,
  response: ServerResponse,
  maxPayload: number,
) => WebSocket | undefined

/** Settings of `ws` differ by the size of messages only, of which there is one a role. */
const maxServers = 64
/** Pieces of one message: enough for any client, and small in memory. */
const maxFragments = 1024
const maxBufferedChunks = 4096

/** Makes what turns connections into WebSockets. */
function createAcceptor(): Accept {
  const servers = new Map<number, WebSocketServer>()
  const serverFor = (maxPayload: number) => {
    const known = servers.get(maxPayload)
    if (known) return known
    const options = {
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      autoPong: false,
    } as const
    const server = new WebSocketServer({
      ...{ ...options, maxPayload, maxFragments, maxBufferedChunks },
      handleProtocols: (offered) => (offered.has(subprotocol) ? subprotocol : false),
    })
    if (servers.size >= maxServers) servers.clear()
    servers.set(maxPayload, server)
    return server
  }
  return (request, response, maxPayload) => {
    const { socket } = request
    let accepted: WebSocket | undefined
    response.detachSocket(socket)
    serverFor(maxPayload).handleUpgrade(
      request,
      socket,
      upgradeHead(request) ?? Buffer.alloc(0),
      (webSocket) => {
        accepted = webSocket
      },
    )
    return accepted
  }
}
