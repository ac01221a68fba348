/**
 * The routes with a body. Fastify finds the route and lets go before it looks at anything else of the request:
 * the gate reads the body itself, after it has admitted the request, on Node's own streams.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Dialect, Exchange } from '../../dialects/dialect.ts'
import type { Gate } from '../../pipeline/pipeline.ts'
import type { InFlightRequests } from './in-flight-request.ts'

export function registerModelRoute(
  app: FastifyInstance,
  dialect: Dialect,
  endpoint: Exchange,
  inFlightRequests: InFlightRequests,
  gate: Gate,
): void {
  const destination = { dialect, endpoint }
  const exchange = (request: FastifyRequest, reply: FastifyReply) => {
    reply.hijack()
    const { context, writer } = inFlightRequests.receive(request, reply, dialect, endpoint.path)
    void gate.exchange(context, destination, writer)
  }
  app.route({
    method: endpoint.method,
    url: endpoint.path,
    // `done` is never called: what comes behind it is not Fastify's any more. Only forms go one step further, where
    // `@fastify/multipart` finds out that they are some, still without reading them.
    ...(endpoint.form ? {} : { onRequest: (request, reply, _done) => exchange(request, reply) }),
    handler: exchange,
  })
}
