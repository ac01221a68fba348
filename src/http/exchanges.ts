/**
 * The routes with a body. Fastify finds the route and lets go before it looks at anything else of the request:
 * the gate reads the body itself, after it has admitted the request, on Node's own streams.
 */
import type { FastifyInstance } from 'fastify'
import type { Dialect, Exchange } from '../dialects/dialect.ts'
import type { Gate } from '../stages/gate.ts'
import type { Reception } from './visit.ts'

export function registerExchange(
  app: FastifyInstance,
  dialect: Dialect,
  endpoint: Exchange,
  reception: Reception,
  gate: Gate,
): void {
  const destination = { dialect, endpoint }
  app.route({
    method: endpoint.method,
    url: endpoint.path,
    // `done` is never called: what comes behind it is not Fastify's any more.
    onRequest: (request, reply, _done) => {
      reply.hijack()
      const { course, outlet } = reception.receive(request, reply, dialect, endpoint.path)
      void gate.exchange(course, destination, outlet)
    },
    handler: () => {
      throw new TypeError('a hijacked request came back')
    },
  })
}
