/**
 * One request as Fastify hands it over: who knocked, whether the client is still there, the way back to it.
 */
import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { HeldBytes } from '../../core/held-bytes.ts'
import { Refusal } from '../../core/refusal.ts'
import type { Dialect } from '../../dialects/dialect.ts'
import { Departure } from '../../pipeline/cancellation.ts'
import type { Course } from '../../pipeline/context.ts'
import type { Outlet } from '../../pipeline/ports.ts'
import type { createArrive } from '../../pipeline/request/receive.ts'
import type { Policy } from '../../policy/policy.ts'
import type { Metrics } from '../../telemetry/metrics.ts'
import { createCertificateOf } from '../tls/shown-certificate.ts'
import { senderOf } from './connections.ts'
import { readForm } from './form.ts'
import type { Door } from './login-throttle.ts'
import { createOutlet } from './response-writer.ts'

export interface Visit {
  readonly course: Course
  readonly outlet: Outlet
}

export interface Reception {
  receive(request: FastifyRequest, reply: FastifyReply, dialect: Dialect, route: string): Visit
  /** From now on every answer asks its client to close the connection. */
  announceClose(): void
  /** Whether they do. */
  readonly closing: boolean
  /** Ends with this refusal what is still under way, if it is meant. */
  cut(refusal: Refusal, isMeant: (course: Course) => boolean): void
  /** Whether an answer is on its way through this connection. */
  isAnswering(socket: Socket): boolean
}

/** A request that is not over, on its connection. */
interface Present {
  readonly response: ServerResponse
  leave(): void
}

export function createReception(
  arrive: ReturnType<typeof createArrive>,
  entrance: Door,
  metrics: Metrics,
  door: () => Policy['door'],
  memory: HeldBytes,
): Reception {
  const certificateOf = createCertificateOf()
  const underWay = new Set<Course>()
  let closing = false
  // A response that waits behind another one on its connection hears nothing of the client's leaving; the
  // connection does.
  const bySocket = new WeakMap<Socket, Set<Present>>()
  const presentOn = (socket: Socket): Set<Present> => {
    const known = bySocket.get(socket)
    if (known) return known
    const present = new Set<Present>()
    bySocket.set(socket, present)
    socket.once('close', () => {
      for (const { leave } of present) leave()
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
    cut(refusal, isMeant) {
      for (const course of underWay) if (isMeant(course)) course.arrival.departure.end(refusal)
    },
    receive(request, reply, dialect, route) {
      const { raw: incoming } = request
      const { raw: outgoing } = reply
      const departure = new Departure()
      const arrival = arrive({
        route,
        dialect,
        peer: senderOf(incoming, door()),
        rawHeaders: incoming.rawHeaders,
        certificate: certificateOf(incoming.socket),
        requestId: single(incoming.headers['x-request-id']),
        traceparent: single(incoming.headers.traceparent),
        agent: single(incoming.headers['x-agent-id']),
        session: single(incoming.headers['x-session-id']),
        departure,
        hold: memory.open(),
      })
      const late = setTimeout(
        () => departure.end(new Refusal('upstream_timeout', { detail: 'timeouts.total' })),
        arrival.snapshot.policy.timeouts.totalMs,
      )
      const course: Course = { arrival }
      underWay.add(course)
      metrics.inflight.inc()
      const others = presentOn(incoming.socket)
      const present: Present = {
        response: outgoing,
        leave() {
          if (!others.delete(present)) return
          clearTimeout(late)
          underWay.delete(course)
          metrics.inflight.dec()
          arrival.hold.release()
          if (!outgoing.writableFinished) departure.end()
        },
      }
      others.add(present)
      // Fastify's own hooks do not fire when a client leaves in mid-answer; this event does.
      outgoing.once('close', present.leave)
      const outlet = createOutlet({
        request: incoming,
        response: outgoing,
        course,
        isClosing: () => closing,
        parameter: parameterOf(request),
        failedLogin: () => entrance.knockedInVain(request),
        readForm: (limit, timeoutMs) => readForm(request, limit, timeoutMs, arrival.hold),
      })
      return { course, outlet }
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
