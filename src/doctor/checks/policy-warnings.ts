/** What `torwart check` warns of: calls that nobody can approve, rules without effect, secrets in the policy. */
import { plainHttp } from '../../policy/lint.ts'
import type { Check } from '../facts.ts'

/** Repeats the warnings of the policy, without the one that another check judges. */
export const policyWarnings: Check = ({ warnings }) =>
  warnings
    .filter(({ message }) => message !== plainHttp)
    .map(({ file, line, column, message }) => ({
      id: 'policy-warning',
      severity: /secret|guessed|no one can approve/.test(message) ? ('high' as const) : ('low' as const),
      what: `${file}:${line}:${column}: ${message}.`,
      why: 'The policy says something else here than was probably meant.',
      fix: 'Change the policy; `torwart check` shows whether the warning is gone.',
    }))
