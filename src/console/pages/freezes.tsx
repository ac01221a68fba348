/** The kill switch: what is frozen, by whom and until when; and what can be frozen now. */
import { useState } from 'preact/hooks'
import { get, queryOf, send } from '../api/client.ts'
import type { Access, Freeze, Models } from '../api/types.ts'
import { Badge, Copy, Empty, PageHead, Section, Shown, Time } from '../parts/basics.tsx'
import { Confirm } from '../parts/dialog.tsx'
import { Form, SelectField, TextField } from '../parts/fields.tsx'
import { useAction, useLoad } from '../parts/load.ts'
import { useMayChange } from '../parts/session.ts'
import { type Column, Table } from '../parts/table.tsx'
import { t, word } from '../texts/texts.ts'
import { FreezeDialog, type Subject } from './freeze-dialog.tsx'

const everyMs = 3000

/** The page. */
export function FreezesPage() {
  const mayChange = useMayChange()
  const [asked, setAsked] = useState<Subject>()
  const [lifted, setLifted] = useState<Freeze>()
  const loaded = useLoad(
    'freezes',
    async (options) => (await get<{ freezes: Freeze[] }>('/admin/v1/freezes', options)).freezes,
    everyMs,
  )
  return (
    <>
      <PageHead title="freezes.title">
        {mayChange && (
          <button type="button" class="danger" onClick={() => setAsked({ kind: 'all', name: '' })}>
            {t('freezes.all')}
          </button>
        )}
      </PageHead>
      <Section title="freezes.inForce">
        <Shown loaded={loaded}>
          {(freezes) =>
            freezes.length === 0 ? (
              <Empty title="freezes.empty" how="freezes.emptyHow" />
            ) : (
              <Table
                label="freezes.inForce"
                columns={mayChange ? [...columns, liftColumn(setLifted)] : columns}
                rows={freezes}
                keyOf={({ kind, name }) => `${kind}:${name}`}
              />
            )
          }
        </Shown>
      </Section>
      {mayChange && <FreezeForm onAsk={setAsked} />}
      {asked && <FreezeDialog subject={asked} onDone={loaded.reload} onClose={() => setAsked(undefined)} />}
      {lifted && <LiftDialog freeze={lifted} onDone={loaded.reload} onClose={() => setLifted(undefined)} />}
    </>
  )
}

const columns: readonly Column<Freeze>[] = [
  { title: 'freezes.what', cell: ({ kind }) => <Badge tone="bad">{word('subject', kind)}</Badge> },
  { title: 'freezes.name', cell: ({ name }) => (name === '' ? '–' : <Copy text={name} />) },
  { title: 'freezes.why', cell: ({ why }) => why },
  { title: 'freezes.by', cell: ({ by }) => by },
  { title: 'freezes.at', cell: ({ at }) => <Time at={at} /> },
  { title: 'freezes.until', cell: ({ until }) => (until ? <Time at={until} /> : t('freezes.lifted')) },
]

function liftColumn(onLift: (freeze: Freeze) => void): Column<Freeze> {
  return {
    title: 'actions',
    cell: (freeze) => (
      <button
        type="button"
        aria-label={t('freezes.liftLabel', { kind: word('subject', freeze.kind), name: freeze.name })}
        onClick={() => onLift(freeze)}
      >
        {t('freezes.lift')}
      </button>
    ),
  }
}

const kinds = ['key', 'role', 'person', 'model'] as const

/** Chooses what is frozen. The names that are known are proposed. */
function FreezeForm({ onAsk }: { onAsk: (subject: Subject) => void }) {
  const [kind, setKind] = useState<(typeof kinds)[number]>('key')
  const [name, setName] = useState('')
  const names = useNames()
  return (
    <Section title="freezes.new">
      <Form label="freezes.new" onSubmit={() => onAsk({ kind, name: name.trim() })}>
        <SelectField
          label="freezes.what"
          value={kind}
          options={kinds.map((each) => [each, t(`subject.${each}`)])}
          onChange={(value) => setKind(kinds.find((each) => each === value) ?? 'key')}
        />
        <TextField
          label="freezes.name"
          hint={`freezes.hint.${kind}`}
          value={name}
          isRequired
          options={names[kind] ?? []}
          onChange={setName}
        />
        <div class="actions">
          <button type="submit" class="danger">
            {t('freezes.freeze')}
          </button>
        </div>
      </Form>
    </Section>
  )
}

function useNames(): Readonly<Record<string, readonly string[]>> {
  const access = useLoad('access', (options) => get<Access[]>('/admin/v1/access', options)).data ?? []
  const models = useLoad('models', (options) => get<Models>('/admin/v1/models', options)).data
  return {
    key: access.filter(({ kind }) => kind === 'key').map(({ id }) => id),
    role: [...new Set(access.map(({ role }) => role))],
    model: [...new Set((models?.models ?? []).map(({ name }) => name))],
  }
}

function LiftDialog({
  freeze: { kind, name },
  onDone,
  onClose,
}: {
  freeze: Freeze
  onDone: () => void
  onClose: () => void
}) {
  const { isBusy, problem, run } = useAction()
  const path = `/admin/v1/freezes/${kind}${name === '' ? '' : `/${encodeURIComponent(name)}`}`
  const lift = () =>
    run(async () => {
      await send('DELETE', path + queryOf({ why: t('freezes.usualLift') }))
      onClose()
      onDone()
    })
  return (
    <Confirm
      title={t('freezes.askLift', { kind: word('subject', kind), name })}
      confirm={t('freezes.lift')}
      isBusy={isBusy}
      problem={problem}
      onConfirm={() => void lift()}
      onClose={onClose}
    />
  )
}
