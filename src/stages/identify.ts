/** Stage 2: from a credential to a caller. Every failure looks the same from outside; the reason is counted. */
import type { Clock } from '../core/clock.ts'
import { Refusal } from '../core/refusal.ts'
import { identifyCertificate } from '../identity/certificate.ts'
import { presentedCredential } from '../identity/credential.ts'
import type { CredentialFault, Identity } from '../identity/identity.ts'
import type { Arrival, Caller } from './exchange.ts'

export function createIdentify(clock: Clock, onFault: (fault: CredentialFault | 'no such role') => void) {
  const refuse = (fault: CredentialFault | 'no such role'): never => {
    onFault(fault)
    throw new Refusal('invalid_credentials', { detail: `credential: ${fault}` })
  }
  const callerOf = (arrival: Arrival, identity: Identity): Caller => {
    const role = arrival.snapshot.policy.roles.get(identity.role)
    if (role === undefined) return refuse('no such role')
    return { arrival, identity, role }
  }
  /** A certificate that is no good refuses, whatever else there is: a revoked machine must not go on with its key. */
  const certified = ({ certificate, snapshot }: Arrival) => {
    if (certificate === undefined) return undefined
    const identity = identifyCertificate(certificate, snapshot.policy.certificates, clock.wallMs())
    // No rule knows it, which does no harm beside a key.
    if (identity !== 'certificate unknown') return typeof identity === 'string' ? refuse(identity) : identity
    return undefined
  }
  return (arrival: Arrival): Caller => {
    const machine = certified(arrival)
    const presented = presentedCredential(arrival.rawHeaders)
    if (presented === 'missing' && machine) return callerOf(arrival, machine)
    if (presented === 'missing' && arrival.certificate) return refuse('certificate unknown')
    if (typeof presented === 'string') return refuse(presented)
    const identity = arrival.snapshot.keys.identify(presented.credential, clock.wallMs())
    if (typeof identity === 'string') return refuse(identity)
    return callerOf(arrival, withCertificate(identity, arrival, machine))
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
