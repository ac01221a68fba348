/**
 * The requests that are in flight: each with its context, the way back to its client, and notice when the client leaves.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { HeldBytes } from '../../core/held-bytes.ts'
import { Refusal } from '../../core/refusal.ts'
import type { Dialect } from '../../dialects/dialect.ts'
import { Cancellation, ClientLeft } from '../../pipeline/cancellation.ts'
import type { RequestContext } from '../../pipeline/context.ts'
import type { ResponseWriter } from '../../pipeline/ports.ts'
import type { Receive } from '../../pipeline/request/receive.ts'
import type { Policy } from '../../policy/policy.ts'
import type { Metrics } from '../../telemetry/metrics.ts'
import { createCertificateReader } from '../tls/client-certificate.ts'
import { clientAddressOf } from './connections.ts'
import type { LoginThrottle } from './login-throttle.ts'
import { readForm } from './multipart-form.ts'
import { HttpResponseWriter } from './response-writer.ts'

/** One request and the way back to its client. */
export interface InFlightRequest {
  readonly context: RequestContext
  readonly writer: ResponseWriter
}

/** Which timeout ends a request as a whole. */
export type TotalTimeout = 'totalMs' | 'sessionMs'

/** All requests whose responses are not complete. */
export interface InFlightRequests {
  /**
   * Takes a request over from Fastify.
   * @param route the declared path, or `none`
   * @param total which timeout ends it; `totalMs` by default
   */
  receive(
    request: FastifyRequest,
    reply: FastifyReply,
    dialect: Dialect,
    route: string,
    total?: TotalTimeout,
  ): InFlightRequest
  /** Begins a request within a session, of the same caller and under the policy in force. @param id how it is recorded */
  begin(session: RequestContext, id: string): { readonly context: RequestContext; close(): void }
  /** Makes every response from now on ask its client to close the connection. */
  announceClose(): void
  /** Whether responses ask for that. */
  readonly closing: boolean
  /** Aborts every request that matches, with `refusal`. */
  abort(refusal: Refusal, matches: (context: RequestContext) => boolean): void
  /** Whether a response is being sent on this connection. */
  isAnswering(socket: Socket): boolean
}

/** Creates the registry. @param door returns the policy in force for connections */
export function createInFlightRequests(
  receive: Receive,
  loginThrottle: LoginThrottle,
  metrics: Metrics,
  door: () => Policy['door'],
  memory: HeldBytes,
): InFlightRequests {
  const certificateOf = createCertificateReader()
  const tracked = createTracker(metrics)
  let closing = false
  return {
    isAnswering: tracked.isAnswering,
    abort: tracked.abort,
    announceClose() {
      closing = true
    },
    get closing() {
      return closing
    },
    begin({ route, dialect, peer, rawHeaders, certificate, agent, session, trace }, requestId) {
      const context = receive({
        ...{ route, dialect, peer, rawHeaders, certificate, agent, session, requestId },
        traceparent: trace.traceparent,
        cancellation: new Cancellation(),
        hold: memory.open(),
      })
      return { context, close: tracked.begin(context, 'totalMs') }
    },
    receive(request, reply, dialect, route, total = 'totalMs') {
      const { raw: message } = request
      const context = receive({
        ...namesOf(message),
        route,
        dialect,
        peer: clientAddressOf(message, door()),
        rawHeaders: message.rawHeaders,
        certificate: certificateOf(message.socket),
        cancellation: new Cancellation(),
        hold: memory.open(),
      })
      tracked.add(context, message.socket, reply.raw, total)
      const writer = new HttpResponseWriter({
        request: message,
        response: reply.raw,
        context,
        isClosing: () => closing,
        parameter: parameterOf(request),
        failedLogin: () => loginThrottle.recordFailure(request),
        readForm: (limit, timeoutMs) => readForm(request, limit, timeoutMs, context.hold),
      })
      return { context, writer }
    },
  }
}

/** Counts each request until its response is complete or its client has left. */
function createTracker(metrics: Metrics) {
  const inFlight = new Set<RequestContext>()
  const connections = createConnections()
  const begin = (context: RequestContext, total: TotalTimeout) => {
    const { cancellation, policy, hold } = context
    const timer = setTimeout(
      () => cancellation.end(new Refusal('upstream_timeout', { detail: `timeouts.${total.slice(0, -2)}` })),
      policy.timeouts[total],
    )
    inFlight.add(context)
    metrics.inflight.inc()
    return () => {
      clearTimeout(timer)
      inFlight.delete(context)
      metrics.inflight.dec()
      hold.release()
    }
  }
  return {
    isAnswering: connections.isAnswering,
    abort(refusal: Refusal, matches: (context: RequestContext) => boolean): void {
      for (const context of inFlight) if (matches(context)) context.cancellation.end(refusal)
    },
    begin,
    add(context: RequestContext, socket: Socket, response: ServerResponse, total: TotalTimeout): void {
      const close = begin(context, total)
      connections.add(socket, response, () => {
        close()
        if (!response.writableFinished) context.cancellation.end(new ClientLeft())
      })
    },
  }
}

interface OpenRequest {
  readonly response: ServerResponse
  close(): void
}

/**
 * The open requests of each connection. A pipelined response that waits behind another one gets no `close` event when its
 * client leaves; the connection does.
 */
function createConnections() {
  const bySocket = new WeakMap<Socket, Set<OpenRequest>>()
  const openOn = (socket: Socket): Set<OpenRequest> => {
    const known = bySocket.get(socket)
    if (known) return known
    const open = new Set<OpenRequest>()
    bySocket.set(socket, open)
    socket.once('close', () => {
      for (const { close } of open) close()
    })
    return open
  }
  return {
    /** @param onClose called once, when the response is complete or cannot be completed */
    add(socket: Socket, response: ServerResponse, onClose: () => void): void {
      const open = openOn(socket)
      const request: OpenRequest = {
        response,
        close: () => {
          if (open.delete(request)) onClose()
        },
      }
      open.add(request)
      // Fastify's own hooks do not fire when a client leaves during a response; this event does.
      response.once('close', request.close)
    },
    isAnswering: (socket: Socket): boolean =>
      [...(bySocket.get(socket) ?? [])].some(
        ({ response }) => response.headersSent && !response.writableFinished,
      ),
  }
}

/** The names that a client gives its request and itself; a repeated header gives none. */
function namesOf({ headers }: IncomingMessage) {
  const single = (value: string | string[] | undefined) => (Array.isArray(value) ? undefined : value)
  return {
    requestId: single(headers['x-request-id']),
    traceparent: single(headers.traceparent),
    agent: single(headers['x-agent-id']),
    session: single(headers['x-session-id']),
  }
}

/** Returns the one parameter of the route's path, or an empty string. */
function parameterOf({ params }: FastifyRequest): string {
  const [parameter] = typeof params === 'object' && params !== null ? Object.values(params) : []
  return typeof parameter === 'string' ? parameter : ''
}
