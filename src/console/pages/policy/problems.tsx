/** Errors and warnings of a policy. */
import type { PolicyProblem } from '../../api/types.ts'
import { Badge } from '../../parts/basics.tsx'
import { t } from '../../texts/texts.ts'

/** Errors or warnings, each with its place in the file. */
export function Problems({
  problems,
  tone,
}: {
  problems: readonly (PolicyProblem | string)[]
  tone: 'warn' | 'bad'
}) {
  return (
    <ul class="list">
      {problems.map((problem, index) => {
        const { line, column, message } = typeof problem === 'string' ? { message: problem } : problem
        return (
          <li key={String(index)}>
            <Badge tone={tone}>{t(tone === 'warn' ? 'policy.warning' : 'policy.error')}</Badge>{' '}
            {line !== undefined && <code>{column === undefined ? line : `${line}:${column}`}</code>} {message}
          </li>
        )
      })}
    </ul>
  )
}
