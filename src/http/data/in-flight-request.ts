/**
 * One request as Fastify hands it over: who knocked, whether the client is still there, the way back to it.
 */
import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { HeldBytes } from '../../core/held-bytes.ts'
import { Refusal } from '../../core/refusal.ts'
import type { Dialect } from '../../dialects/dialect.ts'
import { Cancellation } from '../../pipeline/cancellation.ts'
import type { RequestContext } from '../../pipeline/context.ts'
import type { ResponseWriter } from '../../pipeline/ports.ts'
import type { createArrive } from '../../pipeline/request/receive.ts'
import type { Policy } from '../../policy/policy.ts'
import type { Metrics } from '../../telemetry/metrics.ts'
import { createCertificateReader } from '../tls/client-certificate.ts'
import { clientAddressOf } from './connections.ts'
import type { LoginThrottle } from './login-throttle.ts'
import { readForm } from './multipart-form.ts'
import { createResponseWriter } from './response-writer.ts'

export interface InFlightRequest {
  readonly context: RequestContext
  readonly writer: ResponseWriter
}

export interface InFlightRequests {
  receive(request: FastifyRequest, reply: FastifyReply, dialect: Dialect, route: string): InFlightRequest
  /** From now on every answer asks its client to close the connection. */
  announceClose(): void
  /** Whether they do. */
  readonly closing: boolean
  /** Ends with this refusal what is still under way, if it is meant. */
  abort(refusal: Refusal, matches: (context: RequestContext) => boolean): void
  /** Whether an answer is on its way through this connection. */
  isAnswering(socket: Socket): boolean
}

/** A request that is not over, on its connection. */
interface OpenRequest {
  readonly response: ServerResponse
  close(): void
}

export function createInFlightRequests(
  arrive: ReturnType<typeof createArrive>,
  loginThrottle: LoginThrottle,
  metrics: Metrics,
  door: () => Policy['door'],
  memory: HeldBytes,
): InFlightRequests {
  const certificateOf = createCertificateReader()
  const inFlight = new Set<RequestContext>()
  let closing = false
  // A response that waits behind another one on its connection hears nothing of the client's leaving; the
  // connection does.
  const bySocket = new WeakMap<Socket, Set<OpenRequest>>()
  const openRequestsOn = (socket: Socket): Set<OpenRequest> => {
    const known = bySocket.get(socket)
    if (known) return known
    const present = new Set<OpenRequest>()
    bySocket.set(socket, present)
    socket.once('close', () => {
      for (const request of present) request.close()
    })
    return present
  }
  return {
    isAnswering: (socket) =>
      [...(bySocket.get(socket) ?? [])].some(
        ({ response }) => response.headersSent && !response.writableFinished,
      ),
    announceClose() {
      closing = true
    },
    get closing() {
      return closing
    },
    abort(refusal, matches) {
      for (const context of inFlight) if (matches(context)) context.incoming.cancellation.end(refusal)
    },
    receive(request, reply, dialect, route) {
      const { raw: message } = request
      const { raw: outgoing } = reply
      const cancellation = new Cancellation()
      const incoming = arrive({
        route,
        dialect,
        peer: clientAddressOf(message, door()),
        rawHeaders: message.rawHeaders,
        certificate: certificateOf(message.socket),
        requestId: single(message.headers['x-request-id']),
        traceparent: single(message.headers.traceparent),
        agent: single(message.headers['x-agent-id']),
        session: single(message.headers['x-session-id']),
        cancellation,
        hold: memory.open(),
      })
      const late = setTimeout(
        () => cancellation.end(new Refusal('upstream_timeout', { detail: 'timeouts.total' })),
        incoming.snapshot.policy.timeouts.totalMs,
      )
      const context: RequestContext = { incoming }
      inFlight.add(context)
      metrics.inflight.inc()
      const others = openRequestsOn(message.socket)
      const present: OpenRequest = {
        response: outgoing,
        close() {
          if (!others.delete(present)) return
          clearTimeout(late)
          inFlight.delete(context)
          metrics.inflight.dec()
          incoming.hold.release()
          if (!outgoing.writableFinished) cancellation.end()
        },
      }
      others.add(present)
      // Fastify's own hooks do not fire when a client leaves in mid-answer; this event does.
      outgoing.once('close', present.close)
      const writer = createResponseWriter({
        request: message,
        response: outgoing,
        context,
        isClosing: () => closing,
        parameter: parameterOf(request),
        failedLogin: () => loginThrottle.recordFailure(request),
        readForm: (limit, timeoutMs) => readForm(request, limit, timeoutMs, incoming.hold),
      })
      return { context, writer }
    },
  }
}

function single(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? undefined : value
}

/** The one parameter of the route, or nothing. */
function parameterOf({ params }: FastifyRequest): string {
  const [parameter] = Object.values(params as Record<string, unknown>)
  return typeof parameter === 'string' ? parameter : ''
}
