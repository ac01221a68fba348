/**
 * Stage 2: from a credential to a caller. Every failure looks the same from outside; the reason is counted. A key is
 * judged at once; only a token that was never seen before makes anybody wait.
 */
import type { Clock } from '../core/clock.ts'
import { Refusal } from '../core/refusal.ts'
import { presentedCredential } from '../identity/credential.ts'
import { narrow } from '../identity/grant.ts'
import type { CredentialFault, Identity } from '../identity/identity.ts'
import { isToken, type Token, type TokenReader } from '../identity/token.ts'
import type { Role } from '../policy/policy.ts'
import type { Arrival, Caller, Course, Snapshot } from './exchange.ts'

/** Whether the credential of a request that is under way was revoked or disabled meanwhile. */
export function isWithdrawn({ caller }: Course, { keys }: Snapshot): boolean {
  return caller !== undefined && keys.isWithdrawn(caller.identity)
}

type Fault = CredentialFault | 'no such role'

export interface IdentifyParts {
  readonly tokens: TokenReader
  readonly clock: Clock
  onFault(fault: Fault): void
  /** Somebody was recognised. */
  onCaller(identity: Identity, nowMs: number): void
}

export function createIdentify({ tokens, clock, onFault, onCaller }: IdentifyParts) {
  const refuse = (fault: Fault): never => {
    onFault(fault)
    throw new Refusal('invalid_credentials', { detail: `credential: ${fault}` })
  }
  const roleOf = (identity: Identity, { snapshot }: Arrival): Role => {
    const role = snapshot.policy.roles.get(identity.role) ?? refuse('no such role')
    onCaller(identity, clock.wallMs())
    return role
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

  const fromToken = (arrival: Arrival, token: Token | CredentialFault): Caller => {
    if (typeof token === 'string') return refuse(token)
    const { keys, policy } = arrival.snapshot
    // The policy may have become stricter since it was made.
    if (token.grants.length > policy.tokens.depth) return refuse('revoked')
    const identity = keys.bearer(token, clock.wallMs(), arrival.peer)
    if (typeof identity === 'string') return refuse(identity)
    return { arrival, identity, role: narrowedTo(token, roleOf(identity, arrival)), token }
  }

  return (arrival: Arrival): Caller | Promise<Caller> => {
    const presented = presentedCredential(arrival.rawHeaders)
    if (typeof presented === 'string') return refuse(presented)
    const { credential } = presented
    if (isToken(credential)) {
      const token = tokens.read(credential, clock.wallMs())
      return token instanceof Promise
        ? token.then((read) => fromToken(arrival, read))
        : fromToken(arrival, token)
    }
    const identity = arrival.snapshot.keys.identify(credential, clock.wallMs(), arrival.peer)
    if (typeof identity === 'string') return refuse(identity)
    return { arrival, identity, role: roleOf(identity, arrival), token: undefined }
  }
}
