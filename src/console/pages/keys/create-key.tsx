/** The form that makes a key. */
import { useState } from 'preact/hooks'
import { send } from '../../api/client.ts'
import type { Key } from '../../api/types.ts'
import { Confirm } from '../../parts/dialog.tsx'
import { SelectField, TextField } from '../../parts/fields.tsx'
import { useAction } from '../../parts/load.ts'
import { t } from '../../texts/texts.ts'
import type { MadeKey } from './new-secret.tsx'

const lives = ['', '1d', '7d', '30d', '90d', '365d']

/** A dialog with the form. @param roles are proposed */
export function CreateKey({
  roles,
  onMade,
  onClose,
}: {
  roles: readonly string[]
  onMade: (made: MadeKey) => void
  onClose: () => void
}) {
  const [name, setName] = useState('')
  const [role, setRole] = useState(roles[0] ?? '')
  const [expires, setExpires] = useState('90d')
  const [networks, setNetworks] = useState('')
  const [purpose, setPurpose] = useState('')
  const { isBusy, problem, run } = useAction()
  const create = () =>
    run(async () => {
      const from = networks.split(/[\s,]+/).filter((each) => each !== '')
      const body = {
        ...{ name: name.trim(), role: role.trim() },
        ...(purpose.trim() === '' ? {} : { purpose: purpose.trim() }),
        ...(expires === '' ? {} : { expires }),
        ...(from.length === 0 ? {} : { networks: from }),
      }
      const made = await send<Key & { readonly key: string }>('POST', '/admin/v1/keys', body)
      onClose()
      onMade({ name: made.name, secret: made.key })
    })
  return (
    <Confirm
      title={t('keys.create')}
      confirm={t('keys.create')}
      isBusy={isBusy}
      problem={problem}
      onConfirm={() => void create()}
      onClose={onClose}
    >
      <TextField
        label="keys.name"
        hint="keys.nameHint"
        value={name}
        isRequired
        autoFocus
        onChange={setName}
      />
      <TextField label="keys.role" value={role} isRequired options={roles} onChange={setRole} />
      <TextField label="keys.purpose" value={purpose} onChange={setPurpose} />
      <SelectField
        label="keys.expires"
        value={expires}
        options={lives.map((life) => [life, life === '' ? t('keys.noEnd') : life])}
        onChange={setExpires}
      />
      <TextField label="keys.networks" hint="keys.networksHint" value={networks} onChange={setNetworks} />
    </Confirm>
  )
}
