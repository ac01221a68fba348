/**
 * What load balancers and browsers ask before anything else, without a credential: `GET` or `HEAD /health` and
 * `/healthz`, and `OPTIONS` of whatever path. Answered here, at once, and no failed login; a credential that is shown and
 * wrong is refused here too, or this would be the place to try them.
 */
import type { FastifyInstance } from 'fastify'
import { presentedCredential } from '../../auth/credential.ts'
import { Refusal } from '../../core/refusal.ts'
import { dialectFor } from '../../dialects/dialects.ts'
import { type IncomingRequest, nothingSaid } from '../../pipeline/context.ts'
import type { Steps } from '../../pipeline/pipeline.ts'
import type { InFlightRequest } from './in-flight-request.ts'
import { type LocalRouteParts, registerLocalRoute } from './local-routes.ts'

const plain = 'text/plain; charset=utf-8'
/** As a model server's own. */
const cost = { endpoint: { cost: 'probe' } } as const

export interface ProbeParts extends Pick<Steps, 'recordable'> {
  readonly hosts: LocalRouteParts
}

export function hasNoCredential({ rawHeaders, certificate }: IncomingRequest): boolean {
  return presentedCredential(rawHeaders) === 'missing' && certificate === undefined
}

export function registerHealthChecks(app: FastifyInstance, { hosts, recordable }: ProbeParts): void {
  const { gate, inFlightRequests } = hosts
  for (const path of ['/health', '/healthz'])
    for (const method of ['GET', 'HEAD'] as const)
      registerLocalRoute(app, dialectFor(path), { method, path }, hosts, async ({ context, writer }) => {
        if (!recordable()) throw new Refusal('audit_unavailable', { retryAfterSeconds: 1 })
        if (inFlightRequests.closing)
          throw new Refusal('upstream_unavailable', {
            say: 'The gateway is shutting down.',
            retryAfterSeconds: 1,
          })
        if (!hasNoCredential(context.incoming))
          await gate.admit(context, await gate.identify(context, writer), cost)
        return { type: plain, text: 'ok' }
      })
}

/** A caller that has shown nothing asks what there is, and is told nothing: preflights of browsers fail by that. */
export async function answerOptions(
  { context, writer }: InFlightRequest,
  { settle, gate }: Pick<LocalRouteParts, 'settle' | 'gate'>,
): Promise<void> {
  try {
    await settle(context, { kind: 'answered', answer: nothingSaid })
    writer.begin(200, plain)
    writer.end('')
  } catch (thrown) {
    gate.refuse(context, thrown, writer)
  }
}
