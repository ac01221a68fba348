/** Parts of a role that may only observe: what is not enforced for all keys of the role does not meet a measure. */
import type { Role } from '../policy/policy.ts'
import { type Setting, setting } from './measure.ts'

/** A part of a role that has a mode. */
export type Part = 'limits' | 'tools' | 'promptGuard' | 'outputGuard'

const observes: Readonly<Record<Part, (role: Role) => boolean>> = {
  limits: ({ observesLimits }) => observesLimits,
  tools: ({ observesTools }) => observesTools,
  promptGuard: ({ promptGuard }) => promptGuard.mode === 'observe',
  outputGuard: ({ outputGuard }) => outputGuard.mode === 'observe',
}

/**
 * Tells for which share of a role's keys a part that is set to `observe` is enforced, of 1. @returns undefined: it is
 * not set so
 */
export function enforcedShare(role: Role, part: Part): number | undefined {
  return observes[part](role) ? (role.canary?.share ?? 0) : undefined
}

/** Judges limits or rules for tools: while they only observe, none of their settings does anything. */
export function judgeRules(
  role: Role,
  part: 'limits' | 'tools',
  judge: (role: Role) => readonly Setting[],
): readonly Setting[] {
  const mode = setting(`roles.${role.name}.${part}.mode`, 'observe', 'not')
  return asEnforced(role, part, (judged) =>
    observes[part](judged)
      ? [mode, ...judge(judged).filter(({ extent }) => extent === 'not')]
      : judge(judged),
  )
}

/**
 * Judges a part of a role for the keys for which it is enforced, and names their share if not all are among them.
 * @param judge judges a role of which the part is enforced, or only observes, for every key
 */
export function asEnforced(
  role: Role,
  part: Part,
  judge: (role: Role) => readonly Setting[],
): readonly Setting[] {
  const share = enforcedShare(role, part)
  if (!share || !role.canary) return judge(role)
  const settings = judge(role.canary.role)
  if (settings.every(({ extent }) => extent === 'not')) return settings
  const enforce = setting(
    `roles.${role.name}.enforce`,
    `${Math.round(share * 100)}%`,
    share === 1 ? 'met' : 'partly',
  )
  return [enforce, ...settings.filter(({ extent }) => extent !== 'met')]
}
