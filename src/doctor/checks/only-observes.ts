/** Limits and tool gates that only observe. Guards are in `guards-off.ts`. */
import { roleOutsideCanary } from '../../policy/canary.ts'
import type { Check, Facts } from '../facts.ts'
import type { Outcome } from '../finding.ts'

/** Judges whether limits and rules for tools are enforced. */
export const onlyObserves: Check = ({ policy: { roles } }: Facts) =>
  [...roles.values()]
    .map(roleOutsideCanary)
    .flatMap(({ name, observesLimits, observesTools }) => [
      ...(observesLimits ? [outcome(name, 'limits', 'Its keys may use up what others need.')] : []),
      ...(observesTools
        ? [outcome(name, 'tools', 'Models may call any tool for it, without approval.')]
        : []),
    ])

function outcome(role: string, key: 'limits' | 'tools', why: string): Outcome {
  return {
    id: 'only-observes',
    severity: 'low',
    what: `The ${key === 'limits' ? 'limits' : 'rules for tools'} of the role ${role} only observe.`,
    why,
    fix: `Set \`roles.${role}.${key}.mode: enforce\` once \`would\` in the records shows what you expect.`,
  }
}
