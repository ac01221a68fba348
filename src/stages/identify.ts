/** Stage 2: from a credential to a caller. Every failure looks the same from outside; the reason is counted. */
import type { Clock } from '../core/clock.ts'
import { Refusal } from '../core/refusal.ts'
import { identifyCertificate } from '../identity/certificate.ts'
import { presentedCredential } from '../identity/credential.ts'
import type { CredentialFault, Identity } from '../identity/identity.ts'
import type { Tokens } from '../identity/tokens.ts'
import type { Arrival, Caller } from './exchange.ts'

export type LoginFault = CredentialFault | 'no such role'

/** @param onFault hears why a credential is refused, which the caller does not */
export function createIdentify(
  clock: Clock,
  tokens: Tokens,
  onFault: (fault: LoginFault, arrival: Arrival) => void,
) {
  const refuse = (fault: LoginFault, arrival: Arrival): never => {
    onFault(fault, arrival)
    throw new Refusal('invalid_credentials', { detail: `credential: ${fault}` })
  }
  const callerOf = (arrival: Arrival, identity: Identity): Caller => {
    const role = arrival.snapshot.policy.roles.get(identity.role)
    if (role === undefined) return refuse('no such role', arrival)
    return { arrival, identity, role }
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
  /** A promise only where a signature must be verified: a key waits for nobody. */
  return (arrival: Arrival): Caller | Promise<Caller> => {
    const machine = certified(arrival)
    const presented = presentedCredential(arrival.rawHeaders)
    if (presented === 'missing' && machine) return callerOf(arrival, machine)
    if (presented === 'missing' && arrival.certificate) return refuse('certificate unknown', arrival)
    if (typeof presented === 'string') return refuse(presented, arrival)
    const accept = (found: Identity | CredentialFault) =>
      typeof found === 'string'
        ? refuse(found, arrival)
        : callerOf(arrival, withCertificate(found, arrival, machine))
    const { credential } = presented
    const { policy, keys } = arrival.snapshot
    const found = tokens.identify(credential, policy.jwt, clock.wallMs())
    if (found instanceof Promise) return found.then(accept)
    return accept(found ?? keys.identify(credential, clock.wallMs()))
  }
}

/** The key's role holds; the record names both. */
function withCertificate(
  identity: Identity,
  { certificate }: Arrival,
  machine: Identity | undefined,
): Identity {
  if (certificate === undefined) return identity
  return { ...identity, certificate: { name: machine?.name ?? null, fingerprint: certificate.fingerprint } }
}
