/** How to close what an attack got through by, as a role. */
import type { Role } from '../policy/policy.ts'
import type { Attack } from './suite/attack.ts'

const guardsOfTools: ReadonlySet<string> = new Set(['tool rules', 'approval'])

/** Names the mode where the policy has what stops the attack, and only observes; else what the suite says. */
export function closeFor({ limit, guard, close }: Attack, role: Role): string {
  const isLimited = Object.entries(role.limits).some(([name, value]) => name === limit && value !== undefined)
  if (role.observesLimits && isLimited) return 'Set `roles.NAME.limits.mode: enforce`.'
  if (role.observesTools && guardsOfTools.has(guard)) return 'Set `roles.NAME.tools.mode: enforce`.'
  return close
}
