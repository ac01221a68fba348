/** Stage 2: from a credential to a caller. Every failure looks the same from outside; the reason is counted. */
import type { Clock } from '../core/clock.ts'
import { Refusal } from '../core/refusal.ts'
import { presentedCredential } from '../identity/credential.ts'
import type { CredentialFault } from '../identity/identity.ts'
import type { Arrival, Caller } from './exchange.ts'

export function createIdentify(clock: Clock, onFault: (fault: CredentialFault | 'no such role') => void) {
  const refuse = (fault: CredentialFault | 'no such role'): never => {
    onFault(fault)
    throw new Refusal('invalid_credentials', { detail: `credential: ${fault}` })
  }
  return (arrival: Arrival): Caller => {
    const presented = presentedCredential(arrival.rawHeaders)
    if (typeof presented === 'string') return refuse(presented)
    const { policy, keys } = arrival.snapshot
    const identity = keys.identify(presented.credential, clock.wallMs())
    if (typeof identity === 'string') return refuse(identity)
    const role = policy.roles.get(identity.role)
    if (role === undefined) return refuse('no such role')
    return { arrival, identity, role }
  }
}
