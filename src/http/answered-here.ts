/**
 * Routes that the gate answers itself, from what it knows or from what it asks a server for: Fastify finds the route,
 * the gate has the rest. Whatever goes wrong is refused, and on record, like anything else.
 */
import type { FastifyInstance } from 'fastify'
import type { Dialect, Endpoint } from '../dialects/dialect.ts'
import type { Gate } from '../stages/gate.ts'
import type { Reception, Visit } from './visit.ts'

export interface Hosts {
  readonly reception: Reception
  readonly gate: Gate
}

/** @param answer all stages, to the last byte; what it throws becomes the refusal */
export function answerHere(
  app: FastifyInstance,
  dialect: Dialect,
  endpoint: Endpoint,
  { reception, gate }: Hosts,
  answer: (visit: Visit) => Promise<void>,
): void {
  app.route({
    method: endpoint.method,
    url: endpoint.path,
    handler: async (request, reply) => {
      reply.hijack()
      const visit = reception.receive(request, reply, dialect, endpoint.path)
      try {
        await answer(visit)
      } catch (thrown) {
        gate.refuse(visit.course, thrown, visit.outlet)
      }
    },
  })
}
