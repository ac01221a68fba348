/** One key: its rights in words, and its changes. */
import { useEffect, useRef, useState } from 'preact/hooks'
import { send } from '../../api/client.ts'
import type { Access, Key } from '../../api/types.ts'
import { Copy, Time } from '../../parts/basics.tsx'
import { Confirm } from '../../parts/dialog.tsx'
import { SelectField } from '../../parts/fields.tsx'
import { useAction } from '../../parts/load.ts'
import { go, pathTo } from '../../parts/route.ts'
import { useMayChange } from '../../parts/session.ts'
import { type TextKey, t } from '../../texts/texts.ts'
import { durationOptions, FreezeDialog } from '../freeze-dialog.tsx'
import { KeyStatus } from './key-status.tsx'
import type { MadeKey } from './new-secret.tsx'

/** A change of a key. */
type Change = 'rotate' | 'disable' | 'enable' | 'revoke'

/** The panel beside the list. */
export function KeyPanel({
  of: key,
  rights,
  onChanged,
}: {
  of: Key
  rights: Access | undefined
  onChanged: (made?: MadeKey) => void
}) {
  const panel = useRef<HTMLElement>(null)
  useEffect(() => panel.current?.focus({ preventScroll: true }), [])
  return (
    <aside class="panel card" ref={panel} tabIndex={-1} aria-label={key.name || key.id}>
      <div class="card-head">
        <h2>{key.name || key.id}</h2>
        <a class="button" href={pathTo('keys')} aria-label={t('record.close')}>
          ✕
        </a>
      </div>
      <p class="meta">
        <KeyStatus status={key.status} /> <Copy text={key.id} />
        <span>
          {t('keys.created')} <Time at={key.created} />
        </span>
        {key.oldSecretUntil && (
          <span>
            {t('keys.oldSecret')} <Time at={key.oldSecretUntil} />
          </span>
        )}
      </p>
      <Changes of={key} onChanged={onChanged} />
      {rights && <Rights of={rights} networks={key.networks} />}
    </aside>
  )
}

function Changes({ of: { id, name, status }, onChanged }: { of: Key; onChanged: (made?: MadeKey) => void }) {
  const mayChange = useMayChange()
  const [asked, setAsked] = useState<Change | 'freeze'>()
  if (!mayChange || status === 'revoked') return null
  const changes: readonly Change[] = ['rotate', status === 'disabled' ? 'enable' : 'disable', 'revoke']
  const close = () => setAsked(undefined)
  return (
    <div class="actions">
      {changes.map((change) => (
        <button
          type="button"
          key={change}
          class={change === 'revoke' ? 'danger' : undefined}
          onClick={() => setAsked(change)}
        >
          {t(`keys.${change}`)}
        </button>
      ))}
      <button type="button" class="danger" onClick={() => setAsked('freeze')}>
        {t('freezes.freeze')}
      </button>
      {asked === 'freeze' && (
        <FreezeDialog
          subject={{ kind: 'key', name: id }}
          shown={name}
          onDone={() => go(pathTo('freezes'))}
          onClose={close}
        />
      )}
      {asked && asked !== 'freeze' && (
        <ChangeDialog id={id} name={name || id} change={asked} onChanged={onChanged} onClose={close} />
      )}
    </div>
  )
}

function ChangeDialog({
  id,
  name,
  change,
  onChanged,
  onClose,
}: {
  id: string
  name: string
  change: Change
  onChanged: (made?: MadeKey) => void
  onClose: () => void
}) {
  const [grace, setGrace] = useState('24h')
  const { isBusy, problem, run } = useAction()
  const apply = () =>
    run(async () => {
      const body = change === 'rotate' && grace !== '' ? { grace } : {}
      const made = await send<Key & { readonly key?: string }>('POST', `/admin/v1/keys/${id}/${change}`, body)
      onClose()
      onChanged(made.key === undefined ? undefined : { name: made.name, secret: made.key })
    })
  return (
    <Confirm
      title={t(`keys.ask.${change}`, { name })}
      confirm={t(`keys.${change}`)}
      isDangerous={change === 'revoke'}
      isBusy={isBusy}
      problem={problem}
      onConfirm={() => void apply()}
      onClose={onClose}
    >
      <p>{t(`keys.effect.${change}`)}</p>
      {change === 'rotate' && (
        <SelectField
          label="keys.grace"
          value={grace}
          options={durationOptions(t('keys.noGrace'))}
          onChange={setGrace}
        />
      )}
    </Confirm>
  )
}

function Rights({ of: access, networks }: { of: Access; networks: readonly string[] }) {
  const { role, purpose, routes, models, tools, limits, guards } = access
  const rows: readonly (readonly [TextKey, readonly string[]])[] = [
    ...(purpose === null ? [] : [['rights.purpose', [purpose]] as const]),
    ['rights.routes', routes],
    ['rights.models', models],
    ['rights.tools', tools ?? [t('rights.anyTool')]],
    ['rights.limits', limits],
    ['rights.guards', guards],
    ['rights.networks', networks.length > 0 ? networks : [t('rights.anywhere')]],
  ]
  return (
    <section class="part">
      <h3>{t('rights.title', { role })}</h3>
      <dl class="facts wide">
        {rows.map(([title, words]) => (
          <div key={title}>
            <dt>{t(title)}</dt>
            <dd>{words.length > 0 ? words.join(', ') : t('rights.none')}</dd>
          </div>
        ))}
      </dl>
      <p class="hint">{t('rights.hint')}</p>
    </section>
  )
}
