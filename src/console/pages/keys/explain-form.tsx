/** Asks the gateway whether a request would be allowed, and which rule decides. */
import { useState } from 'preact/hooks'
import { send } from '../../api/client.ts'
import type { Explanation, Key } from '../../api/types.ts'
import { Badge, Problem, Section } from '../../parts/basics.tsx'
import { Form, TextField } from '../../parts/fields.tsx'
import { useAction } from '../../parts/load.ts'
import { type TextKey, t } from '../../texts/texts.ts'

const names = ['route', 'model', 'tool'] as const
const routes = ['chat', 'completions', 'embeddings', 'models', 'admin']

/** The form, and the answer. @param keys are proposed */
export function ExplainForm({ keys }: { keys: readonly Key[] }) {
  const [question, setQuestion] = useState<Readonly<Record<string, string>>>({})
  const [answer, setAnswer] = useState<Explanation>()
  const { problem, run } = useAction()
  const ask = () =>
    run(async () => {
      setAnswer(undefined)
      const filled = Object.entries(question).filter(([, value]) => value.trim() !== '')
      setAnswer(await send<Explanation>('POST', '/admin/v1/explain', Object.fromEntries(filled)))
    })
  const field = (name: string, label: TextKey, options?: readonly string[]) => (
    <TextField
      key={name}
      label={label}
      value={question[name] ?? ''}
      isRequired={name === 'key'}
      {...(options ? { options } : {})}
      onChange={(value) => setQuestion({ ...question, [name]: value })}
    />
  )
  return (
    <Section title="explain.title">
      <Form label="explain.title" onSubmit={() => void ask()}>
        {field(
          'key',
          'explain.key',
          keys.map(({ id }) => id),
        )}
        {names.map((name) => field(name, `explain.${name}`, name === 'route' ? routes : undefined))}
        <div class="actions">
          <button type="submit">{t('explain.ask')}</button>
        </div>
      </Form>
      <Problem error={problem} />
      <div role="status">{answer && <Answer answer={answer} />}</div>
    </Section>
  )
}

function Answer({ answer: { allowed, reasons, limits } }: { answer: Explanation }) {
  return (
    <>
      <p>
        <Badge tone={allowed ? 'good' : 'bad'}>{t(allowed ? 'explain.allowed' : 'explain.refused')}</Badge>
      </p>
      <ul class="list">
        {reasons.map((reason) => (
          <li key={reason.words}>
            <Badge tone={reason.allowed ? 'good' : 'bad'}>
              {t(reason.allowed ? 'explain.fits' : 'explain.fails')}
            </Badge>{' '}
            {reason.words}
          </li>
        ))}
      </ul>
      <p class="hint">{t('explain.limits', { limits: limits.join(', ') || t('rights.none') })}</p>
    </>
  )
}
