/**
 * One request as Fastify hands it over: who knocked, whether the client is still there, the way back to it.
 */
import type { FastifyReply, FastifyRequest } from 'fastify'
import { Refusal } from '../core/refusal.ts'
import type { Dialect } from '../dialects/dialect.ts'
import type { createArrive } from '../stages/arrive.ts'
import { Departure } from '../stages/departure.ts'
import type { Course } from '../stages/exchange.ts'
import type { Outlet } from '../stages/outlet.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import { peerOf } from './connections.ts'
import type { Door } from './door.ts'
import { createOutlet } from './outlet.ts'

export interface Visit {
  readonly course: Course
  readonly outlet: Outlet
}

export interface Reception {
  receive(request: FastifyRequest, reply: FastifyReply, dialect: Dialect, route: string): Visit
  /** Ends whatever is still under way, with this refusal. */
  cutAll(refusal: Refusal): void
}

export function createReception(
  arrive: ReturnType<typeof createArrive>,
  door: Door,
  metrics: Metrics,
): Reception {
  const underWay = new Set<Departure>()
  return {
    cutAll(refusal) {
      for (const departure of underWay) departure.end(refusal)
    },
    receive(request, reply, dialect, route) {
      const { raw: incoming } = request
      const { raw: outgoing } = reply
      const departure = new Departure()
      const arrival = arrive({
        route,
        dialect,
        peer: peerOf(incoming.socket.remoteAddress),
        rawHeaders: incoming.rawHeaders,
        requestId: single(incoming.headers['x-request-id']),
        traceparent: single(incoming.headers.traceparent),
        departure,
      })
      const late = setTimeout(
        () => departure.end(new Refusal('upstream_timeout', { detail: 'timeouts.total' })),
        arrival.snapshot.policy.timeouts.totalMs,
      )
      underWay.add(departure)
      metrics.inflight.inc()
      // Fastify's own hooks do not fire when a client leaves in mid-answer; this event always does.
      outgoing.once('close', () => {
        clearTimeout(late)
        underWay.delete(departure)
        metrics.inflight.dec()
        if (!outgoing.writableFinished) departure.end()
      })
      const course: Course = { arrival }
      const outlet = createOutlet({
        request: incoming,
        response: outgoing,
        course,
        failedLogin: () => door.knockedInVain(request),
      })
      return { course, outlet }
    },
  }
}

function single(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? undefined : value
}
