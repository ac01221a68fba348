/**
 * Requests of load balancers and browsers without a credential: `GET` or `HEAD /health` and `/healthz`, and `OPTIONS` of
 * any path. Answered here, and not counted as failed logins. A wrong credential is refused here too, or this would be the
 * place to guess keys.
 */
import type { FastifyInstance } from 'fastify'
import { presentedCredential } from '../../auth/credential.ts'
import { Refusal } from '../../core/refusal.ts'
import { dialectFor } from '../../dialects/dialects.ts'
import type { Received } from '../../pipeline/context.ts'
import { emptyResponse } from '../../pipeline/ending.ts'
import type { Steps } from '../../pipeline/steps.ts'
import { healthPaths } from '../../policy/own-paths.ts'
import type { InFlightRequest } from './in-flight-request.ts'
import { type LocalRouteParts, registerLocalRoute } from './local-routes.ts'

const plain = 'text/plain; charset=utf-8'
/** Counts like a probe of a model server. */
const cost = { endpoint: { cost: 'probe' } } as const

/** What the health checks need. */
export interface ProbeParts extends Pick<Steps, 'recordable'> {
  readonly localRoute: LocalRouteParts
}

/** Tells whether a request shows neither a credential nor a certificate. */
export function hasNoCredential({ rawHeaders, certificate }: Received): boolean {
  return presentedCredential(rawHeaders) === 'missing' && certificate === undefined
}

/** Registers the health checks. */
export function registerHealthChecks(app: FastifyInstance, { localRoute, recordable }: ProbeParts): void {
  const { pipeline, inFlightRequests } = localRoute
  for (const path of healthPaths)
    for (const method of ['GET', 'HEAD'] as const)
      registerLocalRoute(app, dialectFor(path), { method, path }, localRoute, async ({ context, writer }) => {
        if (!recordable()) throw new Refusal('audit_unavailable', { retryAfterSeconds: 1 })
        if (inFlightRequests.closing)
          throw new Refusal('upstream_unavailable', {
            say: 'The gateway is shutting down.',
            retryAfterSeconds: 1,
          })
        if (!hasNoCredential(context))
          await pipeline.admit(await pipeline.authenticate(context, writer), cost)
        return { type: plain, text: 'ok' }
      })
}

/** Answers `OPTIONS` of a caller without a credential with an empty 200, with which a browser's preflight fails. */
export async function answerOptions(
  { context, writer }: InFlightRequest,
  { settle, pipeline }: Pick<LocalRouteParts, 'settle' | 'pipeline'>,
): Promise<void> {
  try {
    await settle(context, { kind: 'answered', answer: emptyResponse })
    writer.begin(200, plain)
    writer.end('')
  } catch (thrown) {
    pipeline.refuse(context, thrown, writer)
  }
}
