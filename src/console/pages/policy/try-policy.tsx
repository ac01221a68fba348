/** Tries a pasted policy: what `check` says, and which requests of the last day it would judge otherwise. Nothing changes. */
import { useState } from 'preact/hooks'
import { send } from '../../api/client.ts'
import type { NotKnown, PolicyTrial, Rejudged } from '../../api/types.ts'
import { Badge, Problem, Section } from '../../parts/basics.tsx'
import { AreaField, Form } from '../../parts/fields.tsx'
import { number } from '../../parts/format.ts'
import { useAction } from '../../parts/load.ts'
import { pathTo } from '../../parts/route.ts'
import { type Column, Table } from '../../parts/table.tsx'
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
      {judged && <Judged judged={judged} />}
    </>
  )
}

function Judged({ judged }: { judged: NonNullable<PolicyTrial['judged']> }) {
  const { requests, unknown, complete, nowRefused, nowAllowed, unknownBecause, notJudged } = judged
  return (
    <>
      <p>
        {t('try.judged', { requests: number(requests), unknown: number(unknown) })}{' '}
        {!complete && <Badge tone="warn">{t('try.incomplete')}</Badge>}
      </p>
      <Changes title="try.nowRefused" rows={nowRefused} />
      <Changes title="try.nowAllowed" rows={nowAllowed} />
      {unknownBecause.length > 0 && <Unknown rows={unknownBecause} />}
      <p class="hint">{t('try.notJudged', { what: notJudged.join('; ') })}</p>
    </>
  )
}

function Changes({ title, rows }: { title: TextKey; rows: readonly Rejudged[] }) {
  return (
    <section class="part">
      <h3>{t(title)}</h3>
      {rows.length === 0 ? (
        <p class="dim">{t('try.none')}</p>
      ) : (
        <Table
          label={title}
          columns={columns}
          rows={rows}
          keyOf={({ code, role, name, rule, example }) => [code, role, name, rule, example].join(' ')}
        />
      )}
    </section>
  )
}

const columns: readonly Column<Rejudged>[] = [
  { title: 'try.count', isNumber: true, cell: ({ count }) => number(count) },
  { title: 'try.code', cell: ({ code }) => word('outcome', code) },
  { title: 'try.rule', cell: ({ rule }) => rule },
  { title: 'keys.role', cell: ({ role }) => role },
  { title: 'keys.name', cell: ({ name }) => name },
  { title: 'try.example', cell: ({ example }) => <Example id={example} /> },
]

function Unknown({ rows }: { rows: readonly NotKnown[] }) {
  return (
    <section class="part">
      <h3>{t('try.unknown')}</h3>
      <ul class="list">
        {rows.map(({ why, count, example }) => (
          <li key={why}>
            <span class="num">{number(count)}</span> {why} <Example id={example} />
          </li>
        ))}
      </ul>
    </section>
  )
}

function Example({ id }: { id: string }) {
  return <a href={pathTo('audit', id)}>{id}</a>
}
