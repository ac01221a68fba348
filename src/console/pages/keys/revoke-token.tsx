/** Revokes a capability token by its id. Tokens are not kept by the gateway, so there is no list of them. */
import { useState } from 'preact/hooks'
import { send } from '../../api/client.ts'
import { Problem, Section } from '../../parts/basics.tsx'
import { Confirm } from '../../parts/dialog.tsx'
import { Form, TextField } from '../../parts/fields.tsx'
import { useAction } from '../../parts/load.ts'
import { t } from '../../texts/texts.ts'

/** The form, and its confirmation. */
export function RevokeToken() {
  const [id, setId] = useState('')
  const [isAsking, setAsking] = useState(false)
  const [revoked, setRevoked] = useState('')
  const { isBusy, problem, run } = useAction()
  const revoke = () =>
    run(async () => {
      await send('DELETE', `/admin/v1/tokens/${encodeURIComponent(id.trim())}`)
      setRevoked(id.trim())
      setId('')
    }).then(() => setAsking(false))
  return (
    <Section title="tokens.title">
      <p class="hint">{t('tokens.how')}</p>
      <Form label="tokens.title" onSubmit={() => setAsking(true)}>
        <TextField label="tokens.id" value={id} isRequired onChange={setId} />
        <div class="actions">
          <button type="submit" class="danger">
            {t('keys.revoke')}
          </button>
        </div>
      </Form>
      <Problem error={problem} />
      <p role="status">{revoked === '' ? '' : t('tokens.revoked', { id: revoked })}</p>
      {isAsking && (
        <Confirm
          title={t('tokens.ask', { id: id.trim() })}
          confirm={t('keys.revoke')}
          isDangerous
          isBusy={isBusy}
          problem={undefined}
          onConfirm={() => void revoke()}
          onClose={() => setAsking(false)}
        />
      )}
    </Section>
  )
}
