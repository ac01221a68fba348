/** A share of a role's keys for which everything that only observes is enforced already: a canary. */
import { createHash } from 'node:crypto'
import type { Role } from './policy.ts'

/** Parts of a whole that keys are divided into. */
const parts = 10_000

/**
 * Returns the role by which a caller is judged.
 * @param caller id of the key, or of whoever else has the role: always in the same part
 */
export function roleFor(roles: ReadonlyMap<string, Role>, name: string, caller: string): Role | undefined {
  const role = roles.get(name)
  if (!role?.canary) return role
  return partOf(caller) < role.canary.share * parts ? role.canary.role : role
}

/** Returns the role of those of its keys outside its canary; with a share of 100 %, that is the canary itself. */
export function roleOutsideCanary(role: Role): Role {
  return role.canary?.share === 1 ? role.canary.role : role
}

function partOf(caller: string): number {
  return createHash('sha256').update(caller).digest().readUInt32BE(0) % parts
}

/** Compiles `enforce` of a role. @param share as the policy writes it, such as `10%`; absent: there is no canary */
export function withCanary(role: Role, share: string | undefined, report: (message: string) => void): Role {
  if (share === undefined) return role
  if (!observes(role)) report('has no effect: nothing of this role is set to `observe`')
  return { ...role, canary: { share: Number.parseInt(share, 10) / 100, role: enforced(role) } }
}

/** Returns a role in which nothing only observes. */
function enforced(role: Role): Role {
  const { promptGuard, outputGuard } = role
  return {
    ...role,
    observesLimits: false,
    observesTools: false,
    promptGuard: promptGuard.mode === 'observe' ? { ...promptGuard, mode: 'enforce' } : promptGuard,
    outputGuard: outputGuard.mode === 'observe' ? { ...outputGuard, mode: 'enforce' } : outputGuard,
  }
}

/** Tells whether any part of a role only observes. */
function observes({ observesLimits, observesTools, promptGuard, outputGuard }: Role): boolean {
  return observesLimits || observesTools || promptGuard.mode === 'observe' || outputGuard.mode === 'observe'
}
