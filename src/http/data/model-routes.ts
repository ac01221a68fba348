/**
 * The routes that go to a model server. Fastify finds the route and hands the request over before it looks at anything
 * else: the pipeline reads the body itself, after it has admitted the request, on Node's own streams.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Dialect, Exchange } from '../../dialects/dialect.ts'
import type { Pipeline } from '../../pipeline/steps.ts'
import type { InFlightRequests } from './in-flight-request.ts'

/** Registers the route of an endpoint. */
export function registerModelRoute(
  app: FastifyInstance,
  dialect: Dialect,
  endpoint: Exchange,
  inFlightRequests: InFlightRequests,
  pipeline: Pipeline,
): void {
  const destination = { dialect, endpoint }
  const exchange = (request: FastifyRequest, reply: FastifyReply) => {
    reply.hijack()
    const { context, writer } = inFlightRequests.receive(request, reply, dialect, endpoint.path)
    void pipeline.exchange(context, destination, writer)
  }
  app.route({
    method: endpoint.method,
    url: endpoint.path,
    // `done` is never called, because the rest is not Fastify's. Only forms go one step further, in which
    // `@fastify/multipart` recognises them, without reading them.
    ...(endpoint.form ? {} : { onRequest: (request, reply, _done) => exchange(request, reply) }),
    handler: exchange,
  })
}
