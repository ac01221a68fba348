/** The one confirmation before something is frozen. Reason and end are filled in, so that one key press is enough. */
import { useState } from 'preact/hooks'
import { send } from '../api/client.ts'
import { Confirm } from '../parts/dialog.tsx'
import { SelectField, TextField } from '../parts/fields.tsx'
import { useAction } from '../parts/load.ts'
import { t, word } from '../texts/texts.ts'

/** What is to be frozen; the name is empty for `all`. */
export interface Subject {
  readonly kind: string
  readonly name: string
}

const durations = ['', '15m', '1h', '8h', '24h', '7d']

/** Returns the durations that one can choose, in words. */
export function durationOptions(none: string): readonly (readonly [string, string])[] {
  return durations.map((each) => [each, each === '' ? none : each])
}

/** Asks, and freezes. */
export function FreezeDialog({
  subject: { kind, name },
  shown,
  onDone,
  onClose,
}: {
  subject: Subject
  shown?: string
  onDone: () => void
  onClose: () => void
}) {
  const [why, setWhy] = useState(t('freeze.usualReason'))
  const [until, setUntil] = useState('')
  const { isBusy, problem, run } = useAction()
  const freeze = () =>
    run(async () => {
      const body = { kind, why, ...(kind === 'all' ? {} : { name }), ...(until ? { for: until } : {}) }
      await send('POST', '/admin/v1/freezes', body)
      onClose()
      onDone()
    })
  const title =
    kind === 'all'
      ? t('freeze.askAll')
      : t('freeze.ask', { kind: word('subject', kind), name: shown ? `${shown} (${name})` : name })
  return (
    <Confirm
      title={title}
      confirm={t('freeze.confirm')}
      isDangerous
      isBusy={isBusy}
      problem={problem}
      onConfirm={() => void freeze()}
      onClose={onClose}
    >
      <p>{t(kind === 'all' ? 'freeze.effectAll' : 'freeze.effect')}</p>
      <TextField label="freeze.why" value={why} isRequired onChange={setWhy} />
      <SelectField
        label="freeze.for"
        value={until}
        options={durationOptions(t('freeze.forever'))}
        onChange={setUntil}
      />
    </Confirm>
  )
}
