/**
 * What load balancers and browsers ask before anything else, without a credential: `GET` or `HEAD /health` and
 * `/healthz`, and `OPTIONS` of whatever path. Answered here, at once, and no failed login; a credential that is shown and
 * wrong is refused here too, or this would be the place to try them.
 */
import type { FastifyInstance } from 'fastify'
import { presentedCredential } from '../../auth/credential.ts'
import { Refusal } from '../../core/refusal.ts'
import { dialectFor } from '../../dialects/dialects.ts'
import { type Arrival, nothingSaid } from '../../pipeline/context.ts'
import type { Steps } from '../../pipeline/pipeline.ts'
import type { Visit } from './in-flight-request.ts'
import { answerHere, type Hosts } from './local-routes.ts'

const plain = 'text/plain; charset=utf-8'
/** As a model server's own. */
const cost = { endpoint: { cost: 'probe' } } as const

export interface ProbeParts extends Pick<Steps, 'recordable'> {
  readonly hosts: Hosts
}

export function showsNothing({ rawHeaders, certificate }: Arrival): boolean {
  return presentedCredential(rawHeaders) === 'missing' && certificate === undefined
}

export function registerHealthChecks(app: FastifyInstance, { hosts, recordable }: ProbeParts): void {
  const { gate, reception } = hosts
  for (const path of ['/health', '/healthz'])
    for (const method of ['GET', 'HEAD'] as const)
      answerHere(app, dialectFor(path), { method, path }, hosts, async ({ course, outlet }) => {
        if (!recordable()) throw new Refusal('audit_unavailable', { retryAfterSeconds: 1 })
        if (reception.closing)
          throw new Refusal('upstream_unavailable', {
            say: 'The gateway is shutting down.',
            retryAfterSeconds: 1,
          })
        if (!showsNothing(course.arrival)) await gate.admit(course, await gate.identify(course, outlet), cost)
        return { type: plain, text: 'ok' }
      })
}

/** A caller that has shown nothing asks what there is, and is told nothing: preflights of browsers fail by that. */
export async function answerOptions(
  { course, outlet }: Visit,
  { settle, gate }: Pick<Hosts, 'settle' | 'gate'>,
): Promise<void> {
  try {
    await settle(course, { kind: 'answered', answer: nothingSaid })
    outlet.begin(200, plain)
    outlet.end('')
  } catch (thrown) {
    gate.refuse(course, thrown, outlet)
  }
}
