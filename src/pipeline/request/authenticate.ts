/**
 * Stage 2: from a credential to a caller. Every failure looks the same from outside; the reason is counted. A key is
 * judged at once; only a token whose signature is still to be verified makes anybody wait.
 */

import type { KeyRing } from '../../auth/api-keys/key-ring.ts'
import { presentedCredential } from '../../auth/credential.ts'
import type { CredentialFault, Identity } from '../../auth/identity.ts'
import type { Jwts } from '../../auth/jwt/jwt.ts'
import { identifyCertificate } from '../../auth/mtls/certificate.ts'
import { narrow } from '../../auth/tokens/grant.ts'
import { isToken, type Token, type TokenReader } from '../../auth/tokens/token.ts'
import type { Clock } from '../../core/clock.ts'
import { Refusal } from '../../core/refusal.ts'
import type { Role } from '../../policy/policy.ts'
import type { Caller, IncomingRequest, RequestContext, Snapshot } from '../context.ts'

export type LoginFault = CredentialFault | 'no such role'

export interface IdentifyParts {
  /** The gate's own tokens, and those of the policy's issuers. */
  readonly tokens: TokenReader
  readonly jwts: Jwts
  readonly clock: Clock
  /** In force now: those of the request's snapshot may be revoked while a signature is verified. */
  keys(): Pick<KeyRing, 'bearer'>
  /** Hears why a credential is refused, which the caller does not. */
  onFault(fault: LoginFault, incoming: IncomingRequest): void
  /** Somebody was recognised. */
  onCaller(identity: Identity, nowMs: number): void
}

/** Whether the credential of a request that is under way was revoked or disabled meanwhile. */
export function isWithdrawn({ caller }: RequestContext, { keys }: Snapshot): boolean {
  return caller !== undefined && keys.isWithdrawn(caller.identity)
}

export function createIdentify({ tokens, jwts, clock, keys: inForce, onFault, onCaller }: IdentifyParts) {
  const refuse = (fault: LoginFault, incoming: IncomingRequest): never => {
    onFault(fault, incoming)
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

  const callerOf = (incoming: IncomingRequest, identity: Identity, token?: Token): Caller => {
    const role = incoming.snapshot.policy.roles.get(identity.role)
    if (role === undefined) return refuse('no such role', incoming)
    onCaller(identity, clock.wallMs())
    return { incoming, identity, role: token ? narrowedTo(token, role) : role, token }
  }

  /** A certificate that is no good refuses, whatever else there is: a revoked machine must not go on with its key. */
  const certified = (incoming: IncomingRequest) => {
    const { certificate, snapshot } = incoming
    if (certificate === undefined) return undefined
    const identity = identifyCertificate(certificate, snapshot.policy.certificates, clock.wallMs())
    // No rule knows it, which does no harm beside a key.
    if (identity !== 'certificate unknown')
      return typeof identity === 'string' ? refuse(identity, incoming) : identity
    return undefined
  }

  return (incoming: IncomingRequest): Caller | Promise<Caller> => {
    const machine = certified(incoming)
    const presented = presentedCredential(incoming.rawHeaders)
    if (presented === 'missing' && machine) return callerOf(incoming, machine)
    if (presented === 'missing' && incoming.certificate) return refuse('certificate unknown', incoming)
    if (typeof presented === 'string') return refuse(presented, incoming)

    const { credential } = presented
    const { policy, keys } = incoming.snapshot
    const nowMs = clock.wallMs()
    const accept = (found: Identity | CredentialFault, token?: Token) =>
      typeof found === 'string'
        ? refuse(found, incoming)
        : callerOf(incoming, withCertificate(found, incoming, machine), token)
    const acceptToken = (token: Token | CredentialFault) => {
      if (typeof token === 'string') return accept(token)
      // The policy may have become stricter since it was made.
      if (token.grants.length > policy.tokens.depth) return accept('revoked')
      return accept(inForce().bearer(token, clock.wallMs(), incoming.peer), token)
    }
    if (isToken(credential)) {
      const token = tokens.read(credential, nowMs)
      return token instanceof Promise ? token.then(acceptToken) : acceptToken(token)
    }
    const found = jwts.identify(credential, policy.jwt, nowMs)
    if (found instanceof Promise) return found.then((identity) => accept(identity))
    return accept(found ?? keys.identify(credential, nowMs, incoming.peer))
  }
}

/** The key's role holds; the record names both. */
function withCertificate(
  identity: Identity,
  { certificate }: IncomingRequest,
  machine: Identity | undefined,
): Identity {
  if (certificate === undefined) return identity
  const { name = null, id, role } = machine ?? {}
  const known = id === undefined || role === undefined ? {} : { id, role }
  return { ...identity, certificate: { name, fingerprint: certificate.fingerprint, ...known } }
}
