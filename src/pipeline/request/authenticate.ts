/**
 * From a credential to a caller. Every failure looks the same from outside; the reason is counted. A key is
 * judged at once; only a token whose signature is still to be verified makes anybody wait.
 */

import type { KeyRing } from '../../auth/api-keys/key-ring.ts'
import { presentedCredential } from '../../auth/credential.ts'
import { type CredentialFault, holderOf, type Identity } from '../../auth/identity.ts'
import type { Jwts } from '../../auth/jwt/jwt.ts'
import { identifyCertificate } from '../../auth/mtls/certificate.ts'
import { narrow } from '../../auth/tokens/grant.ts'
import { isToken, type Token, type TokenReader } from '../../auth/tokens/token.ts'
import type { Clock } from '../../core/clock.ts'
import { Refusal } from '../../core/refusal.ts'
import { roleFor } from '../../policy/canary.ts'
import type { Role } from '../../policy/policy.ts'
import { type Authenticated, extend, type Received, type RequestContext, type Snapshot } from '../context.ts'

/** Why a credential is refused. */
export type LoginFault = CredentialFault | 'no such role'

/** What it takes to recognise a caller. */
export interface AuthenticateParts {
  /** The gate's own tokens, and those of the policy's issuers. */
  readonly tokens: TokenReader
  readonly jwts: Jwts
  readonly clock: Clock
  /** In force now: those of the request's snapshot may be revoked while a signature is verified. */
  keys(): Pick<KeyRing, 'bearer'>
  /** Hears why a credential is refused, which the caller does not. */
  onFault(fault: LoginFault, request: Received): void
  /** Somebody was recognised. */
  onCaller(identity: Identity, nowMs: number): void
}

/** Tells whether the credential of a request that is under way was revoked or disabled meanwhile. */
export function isWithdrawn({ identity }: RequestContext, { keys }: Snapshot): boolean {
  return identity !== undefined && keys.isWithdrawn(identity)
}

/** @throws Refusal `invalid_credentials`. Returns a promise only where a signature is still to be verified. */
export type Authenticate = (request: Received) => Authenticated | Promise<Authenticated>

/** Makes the step that recognises callers. */
export function createAuthenticate(parts: AuthenticateParts): Authenticate {
  const { tokens, jwts, clock, keys: inForce, onFault, onCaller } = parts
  const refuse = (fault: LoginFault, request: Received): never => {
    onFault(fault, request)
    throw new Refusal('invalid_credentials', { detail: `credential: ${fault}` })
  }

  // A token's narrowed role is made once for each policy, and forgotten with either.
  const narrowed = new WeakMap<Token, { readonly of: Role; readonly role: Role }>()
  const narrowedTo = (token: Token, of: Role): Role => {
    const before = narrowed.get(token)
    if (before?.of === of) return before.role
    const role = narrow(of, token.grants)
    narrowed.set(token, { of, role })
    return role
  }

  const authenticated = (request: Received, identity: Identity, token?: Token): Authenticated => {
    const role = roleFor(request.policy.roles, identity.role, holderOf(identity))
    if (role === undefined) return refuse('no such role', request)
    onCaller(identity, clock.wallMs())
    return extend(request, { identity, role: token ? narrowedTo(token, role) : role, token })
  }

  /** A certificate that is no good refuses, whatever else there is: a revoked machine must not go on with its key. */
  const certified = (request: Received) => {
    const { certificate, policy } = request
    if (certificate === undefined) return undefined
    const identity = identifyCertificate(certificate, policy.certificates, clock.wallMs())
    // No rule knows it, which does no harm beside a key.
    if (identity !== 'certificate unknown')
      return typeof identity === 'string' ? refuse(identity, request) : identity
    return undefined
  }

  return (request) => {
    const machine = certified(request)
    const presented = presentedCredential(request.rawHeaders)
    if (presented === 'missing' && machine) return authenticated(request, machine)
    if (presented === 'missing' && request.certificate) return refuse('certificate unknown', request)
    if (typeof presented === 'string') return refuse(presented, request)

    const { credential } = presented
    const { policy, keys } = request
    const nowMs = clock.wallMs()
    const accept = (found: Identity | CredentialFault, token?: Token) =>
      typeof found === 'string'
        ? refuse(found, request)
        : authenticated(request, withCertificate(found, request, machine), token)
    const acceptToken = (token: Token | CredentialFault) => {
      if (typeof token === 'string') return accept(token)
      // The policy may have become stricter since it was made.
      if (token.grants.length > policy.tokens.depth) return accept('revoked')
      return accept(inForce().bearer(token, clock.wallMs(), request.peer), token)
    }
    if (isToken(credential)) {
      const token = tokens.read(credential, nowMs)
      return token instanceof Promise ? token.then(acceptToken) : acceptToken(token)
    }
    const found = jwts.identify(credential, policy.jwt, nowMs)
    if (found instanceof Promise) return found.then((identity) => accept(identity))
    return accept(found ?? keys.identify(credential, nowMs, request.peer))
  }
}

/** The key's role holds; the record names both. */
function withCertificate(
  identity: Identity,
  { certificate }: Received,
  machine: Identity | undefined,
): Identity {
  if (certificate === undefined) return identity
  const { name = null, id, role } = machine ?? {}
  const known = id === undefined || role === undefined ? {} : { id, role }
  return { ...identity, certificate: { name, fingerprint: certificate.fingerprint, ...known } }
}
