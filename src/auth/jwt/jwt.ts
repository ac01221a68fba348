/**
 * JSON Web Tokens of the policy's issuers (RFC 7519, RFC 8725). jose verifies; here is decided whose a token is, what it
 * must say, and who its bearer is then. What was verified is kept by digest until it runs out, its issuer's keys
 * change or a minute has passed. Not caught: a token that its issuer has revoked but not yet let run out.
 */
import { hash } from 'node:crypto'
import { errors, jwtVerify } from 'jose'
import { LRUCache } from 'lru-cache'
import { isObject, type JsonObject, type JsonValue, readJson } from '../../core/json.ts'
import type { TokenIssuer } from '../../policy/callers.ts'
import { callerId, presentable } from '../caller-id.ts'
import type { Identity, TokenFault } from '../identity.ts'
import { createIssuerKeys, type IssuerIntervals, type IssuerKeys, KeysUnavailable } from './issuer-keys.ts'

/** Reads tokens of other issuers. */
export interface Jwts {
  /**
   * Tells whose a token is, or what is wrong with it.
   * @returns undefined if it is no token, or one that is for somebody else to judge; a promise only where a signature
   * is to be verified
   */
  identify(
    credential: string,
    issuers: readonly TokenIssuer[],
    nowMs: number,
  ): Identity | TokenFault | undefined | Promise<Identity | TokenFault>
  /** Ends all questions to issuers. */
  close(): Promise<void>
}

const keptMs = 60_000
const maxKept = 10_000

interface Verified {
  readonly identity: Identity
  readonly untilMs: number
  readonly verifier: Verifier
  readonly generation: number
}

interface Verifier {
  readonly keys: IssuerKeys
}

/**
 * Makes a reader that knows no issuer's keys yet.
 * @param report told why the keys of an issuer cannot be had
 */
export function createJwts(
  monotonicMs: () => number,
  intervals: IssuerIntervals,
  report: (issuer: string, problem: string) => void,
): Jwts {
  return new JwtReader(monotonicMs, intervals, report)
}

/** One token and the issuers of its name in the policy. */
interface Presented {
  readonly token: string
  readonly digest: string
  readonly candidates: readonly TokenIssuer[]
  /** All issuers of the policy. */
  readonly issuers: readonly TokenIssuer[]
  readonly nowMs: number
}

class JwtReader implements Jwts {
  readonly #monotonicMs: () => number
  readonly #intervals: IssuerIntervals
  readonly #report: (issuer: string, problem: string) => void
  // A reload makes new issuers of the same text, whose keys are known already.
  readonly #byText = new Map<string, Verifier>()
  readonly #byIssuer = new WeakMap<TokenIssuer, Verifier>()
  readonly #verified = new LRUCache<string, Verified>({ max: maxKept })

  constructor(
    monotonicMs: () => number,
    intervals: IssuerIntervals,
    report: (issuer: string, problem: string) => void,
  ) {
    this.#monotonicMs = monotonicMs
    this.#intervals = intervals
    this.#report = report
  }

  identify(
    credential: string,
    issuers: readonly TokenIssuer[],
    nowMs: number,
  ): Identity | TokenFault | undefined | Promise<Identity | TokenFault> {
    // Every header is a JSON object, and `{"` is `eyJ` in base64; keys never begin so.
    if (issuers.length === 0 || !credential.startsWith('eyJ')) return undefined
    const token = readToken(credential)
    if (token === undefined) return 'token malformed'
    const type = typeof token.header.typ === 'string' ? token.header.typ.toLowerCase() : token.header.typ
    if (type === capabilityType) return undefined
    if (!types.has(type)) return 'token of another type'
    const candidates = issuers.filter(({ issuer }) => issuer === token.claims.iss)
    if (candidates.length === 0) return 'token of an unknown issuer'
    const presented: Presented = {
      token: credential,
      digest: hash('sha256', credential, 'base64'),
      candidates,
      issuers,
      nowMs,
    }
    return this.#known(presented) ?? this.#verify(presented)
  }

  async close(): Promise<void> {
    await Promise.all([...this.#byText.values()].map(({ keys }) => keys.close()))
  }

  /** @returns whose the token is, if it was verified before and that still holds */
  #known({ digest, candidates, issuers, nowMs }: Presented): Identity | undefined {
    const known = this.#verified.get(digest)
    if (!known) return undefined
    const holds =
      nowMs < known.untilMs &&
      known.generation === known.verifier.keys.generation &&
      candidates.some((issuer) => this.#verifierOf(issuer, issuers) === known.verifier)
    if (holds) return known.identity
    this.#verified.delete(digest)
    return undefined
  }

  async #verify({ token, digest, candidates, issuers, nowMs }: Presented): Promise<Identity | TokenFault> {
    let fault: TokenFault = 'token of an unknown issuer'
    for (const issuer of candidates) {
      const verifier = this.#verifierOf(issuer, issuers)
      // Before: if the keys change meanwhile, what was verified by the old ones is verified again.
      const { generation } = verifier.keys
      const found = await verifyBy(token, issuer, verifier.keys, nowMs)
      if (typeof found === 'string') {
        fault = found
        continue
      }
      const untilMs = Math.min(found.expiresMs, nowMs + keptMs)
      this.#verified.set(digest, { identity: found.identity, untilMs, verifier, generation })
      return found.identity
    }
    return fault
  }

  #verifierOf(issuer: TokenIssuer, all: readonly TokenIssuer[]): Verifier {
    const known = this.#byIssuer.get(issuer)
    if (known) return known
    const text = JSON.stringify(issuer)
    const made = this.#byText.get(text) ?? {
      keys: createIssuerKeys(issuer, this.#monotonicMs, this.#intervals, (problem) =>
        this.#report(issuer.issuer, problem),
      ),
    }
    this.#byText.set(text, made)
    this.#byIssuer.set(issuer, made)
    const wanted = new Set(all.map((each) => JSON.stringify(each)))
    for (const [other, { keys }] of this.#byText)
      if (!wanted.has(other)) {
        this.#byText.delete(other)
        void keys.close()
      }
    return made
  }
}

/** Tokens that the gate itself makes. */
const capabilityType = 'torwart+jwt'
/** RFC 9068 for the second; what else an issuer signs (logout tokens, proofs) is no credential. */
const types: ReadonlySet<JsonValue | undefined> = new Set([undefined, 'jwt', 'at+jwt', 'application/at+jwt'])

/** What it says of itself, believed by nobody yet. A member that stands twice makes it none. */
function readToken(text: string): { header: JsonObject; claims: JsonObject } | undefined {
  const parts = text.split('.')
  if (parts.length !== 3) return undefined
  try {
    const [header, claims] = parts.slice(0, 2).map((part) => {
      if (!/^[A-Za-z0-9_-]+$/.test(part)) return undefined
      return readJson(new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(part, 'base64url')))
    })
    return isObject(header) && isObject(claims) ? { header, claims } : undefined
  } catch {
    return undefined
  }
}

async function verifyBy(
  token: string,
  issuer: TokenIssuer,
  keys: IssuerKeys,
  nowMs: number,
): Promise<{ identity: Identity; expiresMs: number } | TokenFault> {
  try {
    const { payload } = await jwtVerify(token, (header) => keys.keyFor(header), {
      issuer: issuer.issuer,
      audience: issuer.audience,
      algorithms: [...issuer.algorithms],
      clockTolerance: issuer.toleranceMs / 1000,
      currentDate: new Date(nowMs),
      requiredClaims: ['exp', 'sub'],
    })
    const { sub, exp = 0 } = payload
    if (typeof sub !== 'string' || sub === '') return 'token wrong'
    const role = roleOf(payload as JsonObject, issuer)
    if (role === undefined) return 'token without a role'
    const identity: Identity = {
      kind: 'jwt',
      id: callerId(jwtPrefix(issuer.issuer), sub),
      name: presentable(sub),
      role,
    }
    return { identity, expiresMs: exp * 1000 + issuer.toleranceMs }
  } catch (error) {
    return faultOf(error)
  }
}

/** Makes what the ids of all callers of an issuer begin with. */
export function jwtPrefix(issuer: string): string {
  return `jwt:${hash('sha256', issuer).slice(0, 8)}`
}

/** A claim that holds several names gives a role only if one of them alone does. */
function roleOf(claims: JsonObject, { role, roleClaim, roles }: TokenIssuer): string | undefined {
  if (roleClaim === undefined) return role
  const value = claimAt(claims, roleClaim)
  const values = (Array.isArray(value) ? value : [value]).filter((each) => typeof each === 'string')
  if (roles.length === 0) return values.length === 1 ? values[0] : undefined
  for (const [name, mapped] of roles) if (values.includes(name)) return mapped
  return undefined
}

/** By its name, or by a path of names with dots between. */
function claimAt(claims: JsonObject, name: string): JsonValue | undefined {
  if (Object.hasOwn(claims, name)) return claims[name]
  let at: JsonValue | undefined = claims
  for (const step of name.split('.')) at = isObject(at) && Object.hasOwn(at, step) ? at[step] : undefined
  return at
}

function faultOf(error: unknown): TokenFault {
  if (error instanceof KeysUnavailable) return 'keys of the issuer unavailable'
  if (error instanceof errors.JWTExpired) return 'token expired'
  if (error instanceof errors.JWTClaimValidationFailed) {
    if (error.claim === 'nbf' && error.reason === 'check_failed') return 'token not yet valid'
    if (error.claim === 'aud') return 'token for another audience'
    return 'token wrong'
  }
  if (error instanceof errors.JOSEAlgNotAllowed) return 'token with another algorithm'
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'token signature wrong'
  if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys)
    return 'token of an unknown key'
  return 'token wrong'
}
