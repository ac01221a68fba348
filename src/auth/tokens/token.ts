/**
 * Capability tokens: short-lived, narrower than the key they come from, and good for making narrower ones. A JWT (RFC
 * 7519) with the type `torwart+jwt`, signed with EdDSA (RFC 8037):
 *
 *     sub  the id of the key        iat, exp  in seconds, exact: no tolerance
 *     jti  the token's own id       grants    one for each token from the key's down to this one, see grant.ts
 *
 * All grants travel in the token, signed, so any gateway that has the signing keys can judge one by itself. What
 * cannot travel is asked for each time: whether the key, or any token on the way, was revoked.
 */
import { hash } from 'node:crypto'
import { decodeProtectedHeader, errors, jwtVerify, SignJWT } from 'jose'
import { LRUCache } from 'lru-cache'
import Type, { type Static } from 'typebox'
import Value from 'typebox/value'
import { randomText } from '../../core/random.ts'
import { Refusal } from '../../core/refusal.ts'
import { deepestTokens, maxTokenMs, type Role, type TokenRules } from '../../policy/policy.ts'
import { maxCredentialLength } from '../credential.ts'
import type { CredentialFault } from '../identity.ts'
import { excess, type Grant, grantSchema, narrow, type Rights } from './grant.ts'
import type { SigningKeys } from './signing-keys.ts'

const type = 'torwart+jwt'
const issuer = 'torwart'
const maxKept = 4096

const claimsSchema = Type.Object(
  {
    iss: Type.Literal(issuer),
    sub: Type.String({ pattern: '^[0-9A-Za-z]{4,32}$' }),
    jti: Type.String(),
    iat: Type.Integer(),
    exp: Type.Integer(),
    grants: Type.Array(grantSchema, { minItems: 1, maxItems: deepestTokens }),
  },
  { additionalProperties: false },
)

/** A token that was really signed here. Whether it is still good is asked at every use. */
export interface Token {
  readonly id: string
  /** The id of the key. */
  readonly key: string
  readonly issuedMs: number
  readonly expiresMs: number
  /** What signed it. */
  readonly kid: string
  /** The uppermost first; the last is the token's own. */
  readonly grants: readonly Grant[]
}

/** Whether a credential says that it is one of ours; anything else is somebody else's to judge. */
export function isToken(credential: string): boolean {
  if (!/^[\w-]+\.[\w-]+\.[\w-]+$/.test(credential)) return false
  try {
    return decodeProtectedHeader(credential).typ === type
  } catch {
    return false
  }
}

/** What verified tokens said: a signature costs a tenth of a millisecond, and agents send the same token each time. */
export interface TokenReader {
  /** At once if the token is known. */
  read(credential: string, nowMs: number): Token | CredentialFault | Promise<Token | CredentialFault>
}

/** Makes a reader that knows no token yet. */
export function createTokenReader(signing: SigningKeys): TokenReader {
  const known = new LRUCache<string, Token>({ max: maxKept })
  const verify = async (credential: string, digest: string, nowMs: number) => {
    const token = await verified(credential, signing, nowMs)
    if (typeof token === 'string') return token
    known.set(digest, token)
    return token
  }
  return {
    read(credential, nowMs) {
      const digest = hash('sha256', credential, 'base64')
      const token = known.get(digest)
      if (!token) return verify(credential, digest, nowMs)
      if (nowMs < token.expiresMs && signing.isGood(token.kid, nowMs)) return token
      known.delete(digest)
      return nowMs < token.expiresMs ? 'unknown' : 'expired'
    },
  }
}

async function verified(
  credential: string,
  signing: SigningKeys,
  nowMs: number,
): Promise<Token | CredentialFault> {
  let payload: unknown
  let kid = ''
  try {
    const find = (header: { kid?: string }) => {
      kid = header.kid ?? ''
      const key = signing.find(kid, nowMs)
      if (key) return key
      throw new errors.JWKSNoMatchingKey()
    }
    const options = { algorithms: ['EdDSA'], typ: type, issuer, currentDate: new Date(nowMs) }
    payload = (await jwtVerify(credential, find, options)).payload
  } catch (error) {
    if (error instanceof errors.JWTExpired) return 'expired'
    if (error instanceof errors.JWKSNoMatchingKey) return 'unknown'
    if (error instanceof errors.JWSSignatureVerificationFailed) return 'wrong'
    if (error instanceof errors.JOSEError) return 'malformed'
    throw error
  }
  if (!Value.Check(claimsSchema, payload)) return 'malformed'
  const { sub, jti, iat, exp, grants } = payload as Static<typeof claimsSchema>
  if (grants.at(-1)?.id !== jti || (exp - iat) * 1000 > maxTokenMs) return 'malformed'
  return { id: jti, key: sub, issuedMs: iat * 1000, expiresMs: exp * 1000, kid, grants }
}

/** Who asks for a token. */
export interface Holder {
  /** The id of the key. */
  readonly key: string
  /** What it may do itself. */
  readonly role: Role
  /** Of the token it shows, if it is one. */
  readonly grants: readonly Grant[]
  /** When what it shows ends. */
  readonly expiresMs: number
}

/** What a new token is to be; `ttlMs` undefined: it lives as long as the policy says. */
export interface TokenRequest extends Rights {
  readonly ttlMs: number | undefined
}

/** A token that was just made. */
export interface MintedToken {
  readonly id: string
  readonly token: string
  /** The token or key it was made from. */
  readonly parent: string
  readonly expiresMs: number
  /** What it may do. */
  readonly role: Role
}

/** Shows a token to whoever asked for it. */
export function shownToken({ id, token, parent, expiresMs }: MintedToken) {
  return { id, token, parent, expires: new Date(expiresMs).toISOString() }
}

/**
 * Makes a capability token: a JWT signed with EdDSA (RFC 8037).
 * @throws Refusal `invalid_request` if it would be wider, or longer-lived, than what it is made from may give
 */
export async function mintToken(
  { key, role, grants, expiresMs: parentMs }: Holder,
  { ttlMs, ...rights }: TokenRequest,
  rules: TokenRules,
  signing: SigningKeys,
  nowMs: number,
): Promise<MintedToken> {
  if (grants.length >= rules.depth)
    refuse(`A chain of tokens may be ${rules.depth} long, and this token is the last.`)
  if (ttlMs !== undefined && ttlMs < 1000) refuse('The lifetime of a token must be at least 1 second.')
  if (ttlMs !== undefined && ttlMs > rules.maxMs)
    refuse(`The lifetime of a token must be at most ${rules.maxMs / 1000} seconds.`)
  const tooMuch = excess(role, rights)
  if (tooMuch !== undefined) refuse(tooMuch)
  const id = randomText(16)
  const own: Grant = { id, ...rights }
  const issued = Math.floor(nowMs / 1000)
  const expires = Math.floor(Math.min(nowMs + (ttlMs ?? rules.lifeMs), parentMs) / 1000)
  const { kid, key: signer } = await signing.current(nowMs, rules.rotateMs)
  const token = await new SignJWT({ grants: [...grants, own] })
    .setProtectedHeader({ alg: 'EdDSA', kid, typ: type })
    .setIssuer(issuer)
    .setSubject(key)
    .setJti(id)
    .setIssuedAt(issued)
    .setExpirationTime(expires)
    .sign(signer)
  if (token.length > maxCredentialLength) refuse('The token would be too long. Name fewer models and tools.')
  return { id, token, parent: grants.at(-1)?.id ?? key, expiresMs: expires * 1000, role: narrow(role, [own]) }
}

function refuse(say: string): never {
  throw new Refusal('invalid_request', { say })
}
