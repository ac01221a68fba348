/**
 * `GET /` and `HEAD /`, with which several clients probe at their start, some without a credential. The gateway answers
 * itself, and names the server behind it only to callers who may use it.
 */
import type { FastifyInstance } from 'fastify'
import { presentedCredential } from '../../auth/credential.ts'
import { Refusal } from '../../core/refusal.ts'
import type { Dialect, Greeting } from '../../dialects/dialect.ts'
import type { Steps } from '../../pipeline/steps.ts'
import { type LocalRouteParts, registerLocalRoute } from './local-routes.ts'

const ownName = 'Torwart'

/** What the greeting needs. */
export interface GreetingParts extends Pick<Steps, 'recordable'> {
  readonly localRoute: LocalRouteParts
}

/** Registers the route. */
export function registerGreeting(
  app: FastifyInstance,
  dialect: Dialect,
  endpoint: Greeting,
  { localRoute, recordable }: GreetingParts,
): void {
  const destination = { dialect, endpoint }
  const { pipeline } = localRoute
  registerLocalRoute(app, dialect, endpoint, localRoute, async ({ context, writer }) => {
    if (!recordable()) throw new Refusal('audit_unavailable', { retryAfterSeconds: 1 })
    // A wrong credential is refused here too, or `/` could be used to guess keys.
    const { rawHeaders, certificate } = context
    if (presentedCredential(rawHeaders) !== 'missing' || certificate !== undefined)
      await pipeline.admit(await pipeline.authenticate(context, writer), destination)
    const mayUse = context.role?.routes.has(endpoint.group) ?? false
    return { type: 'text/plain; charset=utf-8', text: mayUse ? endpoint.text : ownName }
  })
}
