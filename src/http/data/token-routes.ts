/**
 * The gateway's own routes, which belong to no dialect:
 *
 *     POST /torwart/v1/tokens   { ttl?, routes?, models?, tools?, requests?, tokens? } mints a token with these rights at
 *                               most, for the holder of a key or a token
 *     GET  /torwart/v1/jwks     the public keys that verify tokens (RFC 7517), for anybody
 */
import type { FastifyInstance } from 'fastify'
import Type from 'typebox'
import Value from 'typebox/value'
import { presentedCredential } from '../../auth/credential.ts'
import { holderOf } from '../../auth/identity.ts'
import { rights } from '../../auth/tokens/grant.ts'
import type { SigningKeys } from '../../auth/tokens/signing-keys.ts'
import { type Holder, type MintedToken, mintToken, shownToken } from '../../auth/tokens/token.ts'
import type { Clock } from '../../core/clock.ts'
import { Refusal } from '../../core/refusal.ts'
import { parseDuration } from '../../core/units.ts'
import { routeGroups } from '../../dialects/dialect.ts'
import { dialectFor } from '../../dialects/dialects.ts'
import type { Authenticated } from '../../pipeline/context.ts'
import { readObject } from '../../pipeline/request/parse.ts'
import type { Steps } from '../../pipeline/steps.ts'
import { ownPrefix } from '../../policy/own-paths.ts'
import { type LocalRouteParts, registerLocalRoute } from './local-routes.ts'

/** What the token routes need. */
export interface TokenRouteParts extends Pick<Steps, 'recordable'> {
  readonly localRoute: LocalRouteParts
  readonly clock: Clock
  readonly signing: SigningKeys
  /** @throws Refusal `frozen` */
  requireThawed(request: Authenticated): void
  /** Writes the new token to the audit log. */
  onMinted(minted: MintedToken, request: Authenticated): void
}

const prefix = `${ownPrefix}/v1`
const maxBodyLength = 16_384
const json = 'application/json; charset=utf-8'
/** The budgets of each token are kept for a day, so their number is limited. */
const cost = { endpoint: { cost: 'probe' }, perMinute: 60 } as const

const wanted = Type.Object(
  { ...rights, ttl: Type.Optional(Type.String({ maxLength: 32 })) },
  { additionalProperties: false },
)

/** What each member must be, for the error message. */
const forms = {
  ttl: 'a duration such as 90s or 15m',
  routes: `a list of some of ${routeGroups.join(', ')}`,
  models: 'a list of up to 64 names or patterns such as qwen3:*',
  tools: 'a list of up to 16 names or patterns such as search_*',
  requests: 'an integer of at least 1',
  tokens: 'an integer of at least 1',
} as const satisfies Record<keyof typeof wanted.properties, string>

/** Registers both routes. */
export function registerTokenRoutes(
  app: FastifyInstance,
  { localRoute, clock, signing, recordable, requireThawed, onMinted }: TokenRouteParts,
): void {
  const dialect = dialectFor(prefix)
  const { pipeline } = localRoute

  registerLocalRoute(
    app,
    dialect,
    { method: 'POST', path: `${prefix}/tokens` },
    localRoute,
    async ({ context, writer }) => {
      const caller = await pipeline.authenticate(context, writer)
      requireThawed(caller)
      await pipeline.admit(caller, cost)
      const body = readObject(await writer.body(maxBodyLength))
      if (!Value.Check(wanted, body)) throw new Refusal('invalid_request', { say: faultIn(body) })
      const { ttl, ...asked } = body
      const ttlMs = ttl === undefined ? undefined : parseDuration(ttl)
      if (ttl !== undefined && !ttlMs)
        throw new Refusal('invalid_request', { say: `\`ttl\` must be ${forms.ttl}.` })
      const { policy } = caller
      const minted = await mintToken(
        holderFrom(caller, presentedCredential(context.rawHeaders)),
        { ...asked, ttlMs },
        policy.tokens,
        signing,
        clock.wallMs(),
      )
      onMinted(minted, caller)
      return { type: json, text: JSON.stringify(shownToken(minted)) }
    },
  )

  registerLocalRoute(
    app,
    dialect,
    { method: 'GET', path: `${prefix}/jwks` },
    localRoute,
    async ({ context, writer }) => {
      if (!recordable()) throw new Refusal('audit_unavailable', { retryAfterSeconds: 1 })
      if (presentedCredential(context.rawHeaders) !== 'missing')
        await pipeline.admit(await pipeline.authenticate(context, writer), cost)
      return { type: json, text: JSON.stringify(signing.published(clock.wallMs())) }
    },
  )
}

/** @throws Refusal `invalid_request` for a caller that no key stands behind */
function holderFrom(
  { identity, role, token, keys }: Authenticated,
  presented: ReturnType<typeof presentedCredential>,
): Holder {
  if (identity.kind !== 'key' && identity.kind !== 'token')
    throw new Refusal('invalid_request', { say: 'Tokens are minted from a key or from another token.' })
  const key = holderOf(identity)
  const credential = typeof presented === 'string' ? '' : presented.credential
  const expiresMs = token?.expiresMs ?? keys.endsAt(credential)
  return { key, role, grants: token?.grants ?? [], expiresMs }
}

/** Names a field only if it is one of ours: what a caller calls its own fields is not repeated. */
function faultIn(body: unknown): string {
  const [field] = Value.Errors(wanted, body).map(({ instancePath }) => instancePath.split('/')[1])
  if (field === undefined || !Object.hasOwn(forms, field))
    return `The fields are ${Object.keys(forms)
      .map((name) => `\`${name}\``)
      .join(', ')}.`
  return `\`${field}\` must be ${forms[field as keyof typeof forms]}.`
}
