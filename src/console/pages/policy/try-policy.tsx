/** Tries a pasted policy: what `check` says, and which requests of the last day it would judge otherwise. Nothing changes. */
import { useState } from 'preact/hooks'
import { send } from '../../api/client.ts'
import type { PolicyTrial, Rejudged } from '../../api/types.ts'
import { Badge, Problem, Section } from '../../parts/basics.tsx'
import { AreaField, Form } from '../../parts/fields.tsx'
import { number } from '../../parts/format.ts'
import { useAction } from '../../parts/load.ts'
import { pathTo } from '../../parts/route.ts'
import { type TextKey, t, word } from '../../texts/texts.ts'
import { Problems } from './problems.tsx'

/** The part of the page. */
export function TrySection() {
  const [text, setText] = useState('')
  const [trial, setTrial] = useState<PolicyTrial>()
  const { isBusy, problem, run } = useAction()
  const attempt = () =>
    run(async () => {
      setTrial(undefined)
      setTrial(await send<PolicyTrial>('POST', '/admin/v1/policy/try', { text }))
    })
  return (
    <Section title="try.title">
      <Form label="try.title" onSubmit={() => void attempt()}>
        <AreaField label="try.text" hint="try.hint" value={text} onChange={setText} />
        <div class="actions">
          <button type="submit" disabled={isBusy || text.trim() === ''}>
            {t(isBusy ? 'loading' : 'try.run')}
          </button>
        </div>
      </Form>
      <Problem error={problem} />
      <div role="status">{trial && <Trial trial={trial} />}</div>
    </Section>
  )
}

function Trial({ trial: { ok, problems, warnings, judged } }: { trial: PolicyTrial }) {
  return (
    <>
      <p>
        <Badge tone={ok ? 'good' : 'bad'}>{t(ok ? 'try.valid' : 'try.invalid')}</Badge>
      </p>
      <Problems problems={problems} tone="bad" />
      <Problems problems={warnings} tone="warn" />
      {judged && (
        <>
          <p>{t('try.judged', { requests: number(judged.requests), unknown: number(judged.unknown) })}</p>
          <Changes title="try.nowRefused" rows={judged.nowRefused} />
          <Changes title="try.nowAllowed" rows={judged.nowAllowed} />
        </>
      )}
    </>
  )
}

function Changes({ title, rows }: { title: TextKey; rows: readonly Rejudged[] }) {
  return (
    <section class="part">
      <h3>{t(title)}</h3>
      {rows.length === 0 && <p class="dim">{t('try.none')}</p>}
      <ul class="list">
        {rows.map(({ code, count, example }, index) => (
          <li key={String(index)}>
            <span class="num">{number(count)}</span> {code ? word('outcome', code) : ''}{' '}
            {example && <a href={pathTo('audit', example)}>{example}</a>}
          </li>
        ))}
      </ul>
    </section>
  )
}
