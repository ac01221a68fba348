/** Guards that are off or only observe, for everyone or for a role. */
import { roleOutsideCanary } from '../../policy/canary.ts'
import type { Check, Facts } from '../facts.ts'
import type { Outcome } from '../finding.ts'

type Mode = 'enforce' | 'observe' | 'off'

/** Judges whether prompts and responses are inspected. */
export const guardsOff: Check = ({ policy: { promptGuard, outputGuard, roles } }: Facts) => [
  ...guard('prompt', promptGuard.mode, ''),
  ...guard('output', outputGuard.mode, ''),
  ...[...roles.values()]
    .map(roleOutsideCanary)
    .flatMap(({ name, promptGuard: ofRole, outputGuard: output }) => [
      ...(ofRole.mode === promptGuard.mode ? [] : guard('prompt', ofRole.mode, name)),
      ...(output.mode === outputGuard.mode ? [] : guard('output', output.mode, name)),
    ]),
]

/** @param role empty: the guard of the whole policy */
function guard(kind: 'prompt' | 'output', mode: Mode, role: string): Outcome[] {
  if (mode === 'enforce') return []
  const isOff = mode === 'off'
  const key = role === '' ? `guards.${kind}.mode` : `roles.${role}.guards.${kind}.mode`
  return [
    {
      id: 'guard-off',
      severity: isOff ? 'medium' : 'low',
      what: `The ${kind} guard ${isOff ? 'is off' : 'only observes'}${role === '' ? '' : ` for the role ${role}`}.`,
      why:
        kind === 'prompt'
          ? 'Prompt injections reach the model.'
          : 'Secrets and personal data in responses reach the client.',
      fix: `Set \`${key}: enforce\`${isOff ? ', or `observe` first to see what it would block' : ''}.`,
    },
  ]
}
