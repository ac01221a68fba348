/**
 * `GET /` and `HEAD /`: start-up probes of several clients, some of which send no credential. The gate answers
 * itself, and names the server behind it only to those who may use it.
 */
import type { FastifyInstance } from 'fastify'
import { presentedCredential } from '../../auth/credential.ts'
import { Refusal } from '../../core/refusal.ts'
import type { Dialect, Greeting } from '../../dialects/dialect.ts'
import type { Steps } from '../../pipeline/pipeline.ts'
import { type LocalRouteParts, registerLocalRoute } from './local-routes.ts'

const ownName = 'Torwart'

export interface GreetingParts extends Pick<Steps, 'recordable'> {
  readonly hosts: LocalRouteParts
}

export function registerGreeting(
  app: FastifyInstance,
  dialect: Dialect,
  endpoint: Greeting,
  { hosts, recordable }: GreetingParts,
): void {
  const destination = { dialect, endpoint }
  const { gate } = hosts
  registerLocalRoute(app, dialect, endpoint, hosts, async ({ context, writer }) => {
    if (!recordable()) throw new Refusal('audit_unavailable', { retryAfterSeconds: 1 })
    // A credential that is wrong is refused here too, or `/` would be the place to try them.
    const { rawHeaders, certificate } = context.incoming
    if (presentedCredential(rawHeaders) !== 'missing' || certificate !== undefined)
      await gate.admit(context, await gate.identify(context, writer), destination)
    const mayUse = context.caller?.role.routes.has(endpoint.group) ?? false
    return { type: 'text/plain; charset=utf-8', text: mayUse ? endpoint.text : ownName }
  })
}
