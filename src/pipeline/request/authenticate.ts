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
import type { Arrival, Caller, Course, Snapshot } from '../context.ts'

export type LoginFault = CredentialFault | 'no such role'

export interface IdentifyParts {
  /** The gate's own tokens, and those of the policy's issuers. */
  readonly tokens: TokenReader
  readonly jwts: Jwts
  readonly clock: Clock
  /** In force now: those of the request's snapshot may be revoked while a signature is verified. */
  keys(): Pick<KeyRing, 'bearer'>
  /** Hears why a credential is refused, which the caller does not. */
  onFault(fault: LoginFault, arrival: Arrival): void
  /** Somebody was recognised. */
  onCaller(identity: Identity, nowMs: number): void
}

/** Whether the credential of a request that is under way was revoked or disabled meanwhile. */
export function isWithdrawn({ caller }: Course, { keys }: Snapshot): boolean {
  return caller !== undefined && keys.isWithdrawn(caller.identity)
}

export function createIdentify({ tokens, jwts, clock, keys: inForce, onFault, onCaller }: IdentifyParts) {
  const refuse = (fault: LoginFault, arrival: Arrival): never => {
    onFault(fault, arrival)
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

  const callerOf = (arrival: Arrival, identity: Identity, token?: Token): Caller => {
    const role = arrival.snapshot.policy.roles.get(identity.role)
    if (role === undefined) return refuse('no such role', arrival)
    onCaller(identity, clock.wallMs())
    return { arrival, identity, role: token ? narrowedTo(token, role) : role, token }
  }

  /** A certificate that is no good refuses, whatever else there is: a revoked machine must not go on with its key. */
  const certified = (arrival: Arrival) => {
    const { certificate, snapshot } = arrival
    if (certificate === undefined) return undefined
    const identity = identifyCertificate(certificate, snapshot.policy.certificates, clock.wallMs())
    // No rule knows it, which does no harm beside a key.
    if (identity !== 'certificate unknown')
      return typeof identity === 'string' ? refuse(identity, arrival) : identity
    return undefined
  }

  return (arrival: Arrival): Caller | Promise<Caller> => {
    const machine = certified(arrival)
    const presented = presentedCredential(arrival.rawHeaders)
    if (presented === 'missing' && machine) return callerOf(arrival, machine)
    if (presented === 'missing' && arrival.certificate) return refuse('certificate unknown', arrival)
    if (typeof presented === 'string') return refuse(presented, arrival)

    const { credential } = presented
    const { policy, keys } = arrival.snapshot
    const nowMs = clock.wallMs()
    const accept = (found: Identity | CredentialFault, token?: Token) =>
      typeof found === 'string'
        ? refuse(found, arrival)
        : callerOf(arrival, withCertificate(found, arrival, machine), token)
    const acceptToken = (token: Token | CredentialFault) => {
      if (typeof token === 'string') return accept(token)
      // The policy may have become stricter since it was made.
      if (token.grants.length > policy.tokens.depth) return accept('revoked')
      return accept(inForce().bearer(token, clock.wallMs(), arrival.peer), token)
    }
    if (isToken(credential)) {
      const token = tokens.read(credential, nowMs)
      return token instanceof Promise ? token.then(acceptToken) : acceptToken(token)
    }
    const found = jwts.identify(credential, policy.jwt, nowMs)
    if (found instanceof Promise) return found.then((identity) => accept(identity))
    return accept(found ?? keys.identify(credential, nowMs, arrival.peer))
  }
}

/** The key's role holds; the record names both. */
function withCertificate(
  identity: Identity,
  { certificate }: Arrival,
  machine: Identity | undefined,
): Identity {
  if (certificate === undefined) return identity
  const { name = null, id, role } = machine ?? {}
  const known = id === undefined || role === undefined ? {} : { id, role }
  return { ...identity, certificate: { name, fingerprint: certificate.fingerprint, ...known } }
}
