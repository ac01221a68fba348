/** What the settings of guards have in common: those of all requests, and those that a role overrides. */
import type { OutputGuard, Policy, PromptGuard, Role } from '../../policy/policy.ts'
import { asEnforced } from '../enforced.ts'
import { besidePassThrough, type Extent, ofRoles, type Setting, setting } from '../measure.ts'

/** A key of a guard, with its value and what it does. */
export type Reading = readonly [key: string, value: string, extent: Extent]

interface Guards {
  readonly promptGuard: PromptGuard
  readonly outputGuard: OutputGuard
}

const prefixes = { promptGuard: 'guards.prompt', outputGuard: 'guards.output' } as const

/** Reads a guard of each role. A value that is not the common one is told by the path of its role. */
export function guardSettings<Side extends keyof Guards>(
  policy: Policy,
  roles: readonly Role[],
  side: Side,
  read: (guard: Guards[Side]) => readonly Reading[],
): readonly Setting[] {
  const common = new Map(read(policy[side]).map(([key, value]) => [key, value]))
  const judge = (role: Role) => {
    const own: Guards = role
    return read(own[side]).map(([key, value, extent]) => {
      const path = `${prefixes[side]}.${key}`
      return setting(common.get(key) === value ? path : `roles.${role.name}.${path}`, value, extent)
    })
  }
  const settings = ofRoles(roles, (role) => asEnforced(role, side, judge))
  return besidePassThrough(policy, settings)
}
