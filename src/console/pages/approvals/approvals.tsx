/** Tool calls that wait for a person. Everybody who looks sees the same, within two seconds. */
import { useState } from 'preact/hooks'
import { get, send } from '../../api/client.ts'
import type { Approval } from '../../api/types.ts'
import { Badge, Copy, Empty, PageHead, Section, Shown, Time } from '../../parts/basics.tsx'
import { Confirm } from '../../parts/dialog.tsx'
import { TextField } from '../../parts/fields.tsx'
import { span } from '../../parts/format.ts'
import { useAction, useLoad } from '../../parts/load.ts'
import type { Route } from '../../parts/route.ts'
import { pathTo } from '../../parts/route.ts'
import { useMayApprove } from '../../parts/session.ts'
import { t } from '../../texts/texts.ts'
import { type AlertKind, useAlertChoice, useAlerts } from './alerts.ts'
import { Call } from './call.tsx'

const everyMs = 2000

/** What somebody wants to decide. */
interface Decision {
  readonly approval: Approval
  readonly verb: 'approve' | 'deny'
}

/** The page. */
export function ApprovalsPage({ route }: { route: Route }) {
  const [decision, setDecision] = useState<Decision>()
  const loaded = useLoad(
    'approvals',
    async (options) => (await get<{ approvals: Approval[] }>('/admin/v1/approvals', options)).approvals,
    everyMs,
  )
  const pending = loaded.data?.filter(({ state }) => state === 'pending')
  const decided = loaded.data?.filter(({ state }) => state !== 'pending') ?? []
  const sound = useAlertChoice('sound')
  const notification = useAlertChoice('notification')
  useAlerts(pending, sound[0], notification[0])
  return (
    <>
      <PageHead title="approvals.title">
        <Choice kind="sound" choice={sound} />
        <Choice kind="notification" choice={notification} />
      </PageHead>
      <Shown loaded={{ data: pending, error: loaded.error }}>
        {(waiting) =>
          waiting.length === 0 ? (
            <Empty title="approvals.empty" how="approvals.emptyHow" />
          ) : (
            <ul class="stack" aria-label={t('approvals.pending')}>
              {waiting.map((approval) => (
                <Waiting
                  key={approval.id}
                  approval={approval}
                  isMeant={approval.id === route.id}
                  onDecide={(verb) => setDecision({ approval, verb })}
                />
              ))}
            </ul>
          )
        }
      </Shown>
      {decided.length > 0 && (
        <Section title="approvals.decided">
          <ul class="list">
            {decided.map((approval) => (
              <Decided key={approval.id} approval={approval} />
            ))}
          </ul>
        </Section>
      )}
      {decision && (
        <Decide decision={decision} onDone={loaded.reload} onClose={() => setDecision(undefined)} />
      )}
    </>
  )
}

function Choice({
  kind,
  choice: [isOn, choose],
}: {
  kind: AlertKind
  choice: ReturnType<typeof useAlertChoice>
}) {
  return (
    <label class="check">
      <input
        type="checkbox"
        checked={isOn}
        onChange={({ currentTarget }) => void choose(currentTarget.checked)}
      />
      {t(`approvals.${kind}`)}
    </label>
  )
}

function Waiting({
  approval,
  isMeant,
  onDecide,
}: {
  approval: Approval
  isMeant: boolean
  onDecide: (verb: Decision['verb']) => void
}) {
  const mayApprove = useMayApprove()
  const { id, tool, identity, model, asked, until, outdated, request } = approval
  const now = Date.now()
  return (
    <li class={isMeant ? 'card meant' : 'card'}>
      <div class="card-head">
        <h2>
          <code>{tool}</code>
        </h2>
        {mayApprove && (
          <div class="actions">
            <button type="button" class="primary" disabled={outdated} onClick={() => onDecide('approve')}>
              {t('approvals.approve')}
            </button>
            <button type="button" class="danger" onClick={() => onDecide('deny')}>
              {t('approvals.deny')}
            </button>
          </div>
        )}
      </div>
      {outdated && (
        <p>
          <Badge tone="warn">{t('approvals.outdated')}</Badge>
        </p>
      )}
      <p class="meta">
        <span>{t('approvals.who', { name: identity.name, role: identity.role })}</span>
        <Copy text={identity.id} />
        <span>{model}</span>
        <span>
          {t('approvals.asked', { span: span(now - Date.parse(asked)) })} (<Time at={asked} />)
        </span>
        <span>{t('approvals.left', { span: span(Date.parse(until) - now) })}</span>
        {request && <a href={pathTo('audit', request)}>{t('approvals.request')}</a>}
        <Copy text={id} />
      </p>
      <Call text={approval.arguments} />
    </li>
  )
}

function Decided({ approval: { tool, identity, state, by, why, id } }: { approval: Approval }) {
  return (
    <li class="meta">
      <Badge tone={state === 'approved' ? 'good' : 'bad'}>
        {t(state === 'approved' ? 'approvals.approved' : 'approvals.denied')}
      </Badge>
      <code>{tool}</code>
      <span>{identity.name}</span>
      <span class="dim">{t('approvals.by', { by: by ?? '–' })}</span>
      {why && <q>{why}</q>}
      <Copy text={id} />
    </li>
  )
}

function Decide({
  decision: { approval, verb },
  onDone,
  onClose,
}: {
  decision: Decision
  onDone: () => void
  onClose: () => void
}) {
  const [why, setWhy] = useState('')
  const { isBusy, problem, run } = useAction()
  const decide = () =>
    run(async () => {
      const body = why.trim() === '' ? {} : { why: why.trim() }
      await send('POST', `/admin/v1/approvals/${approval.id}/${verb}`, body)
      onClose()
      onDone()
    })
  const values = { tool: approval.tool, name: approval.identity.name }
  return (
    <Confirm
      title={t(verb === 'approve' ? 'approvals.askApprove' : 'approvals.askDeny', values)}
      confirm={t(verb === 'approve' ? 'approvals.approve' : 'approvals.deny')}
      isDangerous={verb === 'deny'}
      isBusy={isBusy}
      problem={problem}
      onConfirm={() => void decide()}
      onClose={onClose}
    >
      <TextField
        label={verb === 'approve' ? 'approvals.whyOptional' : 'approvals.why'}
        value={why}
        isRequired={verb === 'deny'}
        autoFocus
        onChange={setWhy}
      />
    </Confirm>
  )
}
