/** A tool call laid out for reading: each argument on its own line, exactly as it is, and what is odd in them. */
import { Badge } from '../../parts/basics.tsx'
import { t } from '../../texts/texts.ts'
import { leavesOf, odditiesOf } from './oddities.ts'

/** The arguments of a call. */
export function Call({ text }: { text: string }) {
  const leaves = leavesOf(text)
  if (!leaves) return <pre class="text">{text}</pre>
  const oddities = odditiesOf(leaves)
  return (
    <>
      {oddities.length > 0 && (
        <ul class="oddities" aria-label={t('approvals.odd')}>
          {oddities.map(({ kind, at, detail }) => (
            <li key={`${kind} ${at} ${detail}`}>
              <Badge tone="warn">{t(`odd.${kind}`, { detail })}</Badge> <code>{at}</code>
            </li>
          ))}
        </ul>
      )}
      {leaves.length === 0 || (leaves.length === 1 && leaves[0]?.at === '') ? (
        <p class="dim">{t('approvals.noArguments')}</p>
      ) : (
        <dl class="arguments">
          {leaves.map(({ at, value, isText }) => (
            <div key={at}>
              <dt>
                <code>{at}</code>
              </dt>
              <dd>
                <pre class={isText ? 'text' : 'text bare'}>{value}</pre>
              </dd>
            </div>
          ))}
        </dl>
      )}
      <details>
        <summary>{t('approvals.exact')}</summary>
        <pre class="text">{text}</pre>
      </details>
    </>
  )
}
