/**
 * Routes that the gateway answers itself, from its own state or by asking a model server. Errors become refusals and are
 * recorded, as on any other route.
 */
import type { FastifyInstance } from 'fastify'
import { Refusal } from '../../core/refusal.ts'
import type { Dialect, Endpoint } from '../../dialects/dialect.ts'
import { emptyResponse } from '../../pipeline/ending.ts'
import type { Settle } from '../../pipeline/finish/settle.ts'
import type { Pipeline } from '../../pipeline/steps.ts'
import type { InFlightRequest, InFlightRequests } from './in-flight-request.ts'

/** How long a model server may take for a list, which it has in memory. */
export const serverTimeoutMs = 10_000

/** What such a route needs. */
export interface LocalRouteParts {
  readonly inFlightRequests: InFlightRequests
  readonly pipeline: Pipeline
  readonly settle: Settle
}

/** Registers a route. @param answer checks the request and returns the response; what it throws becomes the refusal */
export function registerLocalRoute(
  app: FastifyInstance,
  dialect: Dialect,
  endpoint: Pick<Endpoint, 'method' | 'path'>,
  { inFlightRequests, pipeline, settle }: LocalRouteParts,
  answer: (inFlightRequest: InFlightRequest) => Promise<{ readonly type: string; readonly text: string }>,
): void {
  app.route({
    method: endpoint.method,
    url: endpoint.path,
    handler: async (request, reply) => {
      reply.hijack()
      const inFlightRequest = inFlightRequests.receive(request, reply, dialect, endpoint.path)
      const { context, writer } = inFlightRequest
      try {
        const { type, text } = await answer(inFlightRequest)
        const { cause } = context.cancellation
        if (cause instanceof Refusal) throw cause
        await settle(context, { kind: 'answered', answer: emptyResponse })
        writer.begin(200, type)
        writer.end(text)
      } catch (thrown) {
        pipeline.refuse(context, thrown, writer)
      }
    },
  })
}
