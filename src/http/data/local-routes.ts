/**
 * Routes that the gate answers itself, from what it knows or from what it asks a server for: Fastify finds the route,
 * the gate has the rest. Whatever goes wrong is refused, and on record, like anything else.
 */
import type { FastifyInstance } from 'fastify'
import type { Dialect, Endpoint } from '../../dialects/dialect.ts'
import { nothingSaid } from '../../pipeline/context.ts'
import type { Settle } from '../../pipeline/finish/settle.ts'
import type { Gate } from '../../pipeline/pipeline.ts'
import type { InFlightRequest, InFlightRequests } from './in-flight-request.ts'

/** What a server is asked for here comes from its memory; it need not wait as a generation may. */
export const serverTimeoutMs = 10_000

export interface LocalRouteParts {
  readonly inFlightRequests: InFlightRequests
  readonly gate: Gate
  readonly settle: Settle
}

/** @param answer all that is to be known and said; what it throws becomes the refusal */
export function registerLocalRoute(
  app: FastifyInstance,
  dialect: Dialect,
  endpoint: Pick<Endpoint, 'method' | 'path'>,
  { inFlightRequests, gate, settle }: LocalRouteParts,
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
        const { refusal } = context.incoming.cancellation
        if (refusal) throw refusal
        await settle(context, { kind: 'answered', answer: nothingSaid })
        writer.begin(200, type)
        writer.end(text)
      } catch (thrown) {
        gate.refuse(context, thrown, writer)
      }
    },
  })
}
