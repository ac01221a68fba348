/** The routes with a body: Fastify finds them and lets go; the gate does the rest on Node's own streams. */
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
    handler: (request, reply) => {
      reply.hijack()
      const { course, outlet } = reception.receive(request, reply, dialect, endpoint.path)
      return gate.exchange(course, destination, outlet)
    },
  })
}
