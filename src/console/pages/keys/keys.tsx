/** API keys: who has one, what it may do, and what can be done with it. */
import { useState } from 'preact/hooks'
import { get } from '../../api/client.ts'
import type { Access, Key } from '../../api/types.ts'
import { Copy, Empty, PageHead, Section, Shown, Time } from '../../parts/basics.tsx'
import { number } from '../../parts/format.ts'
import { useLoad } from '../../parts/load.ts'
import { pathTo, type Route } from '../../parts/route.ts'
import { useMayChange } from '../../parts/session.ts'
import { type Column, Table } from '../../parts/table.tsx'
import { t, word } from '../../texts/texts.ts'
import { CreateKey } from './create-key.tsx'
import { ExplainForm } from './explain-form.tsx'
import { KeyPanel } from './key-panel.tsx'
import { KeyStatus } from './key-status.tsx'
import { type MadeKey, NewSecret } from './new-secret.tsx'
import { RevokeToken } from './revoke-token.tsx'

/** The page. */
export function KeysPage({ route }: { route: Route }) {
  const mayChange = useMayChange()
  const [made, setMade] = useState<MadeKey>()
  const [isCreating, setCreating] = useState(false)
  const keys = useLoad(
    'keys',
    async (options) => (await get<{ keys: Key[] }>('/admin/v1/keys', options)).keys,
  )
  const access = useLoad('access', (options) => get<Access[]>('/admin/v1/access', options))
  const rights = access.data ?? []
  const roles = [...new Set(rights.map(({ role }) => role))]
  const opened = keys.data?.find(({ id }) => id === route.id)
  const changed = (key?: MadeKey) => {
    if (key) setMade(key)
    keys.reload()
    access.reload()
  }
  return (
    <>
      <PageHead title="keys.title">
        {mayChange && (
          <button type="button" class="primary" onClick={() => setCreating(true)}>
            {t('keys.create')}
          </button>
        )}
      </PageHead>
      {made && <NewSecret made={made} onClose={() => setMade(undefined)} />}
      <div class={opened ? 'split open' : 'split'}>
        <div class="split-list">
          <Section title="keys.list">
            <Shown loaded={keys}>
              {(all) =>
                all.length === 0 ? (
                  <Empty title="keys.empty" how="keys.emptyHow" />
                ) : (
                  <Table label="keys.list" columns={columns} rows={all} keyOf={({ id }) => id} />
                )
              }
            </Shown>
          </Section>
          <OtherCallers rows={rights.filter(({ kind }) => kind !== 'key')} />
          <ExplainForm keys={keys.data ?? []} />
          {mayChange && <RevokeToken />}
        </div>
        {opened && (
          <KeyPanel
            key={opened.id}
            of={opened}
            rights={rights.find(({ id }) => id === opened.id)}
            onChanged={changed}
          />
        )}
      </div>
      {isCreating && <CreateKey roles={roles} onMade={changed} onClose={() => setCreating(false)} />}
    </>
  )
}

const columns: readonly Column<Key>[] = [
  { title: 'keys.name', cell: ({ id, name }) => <a href={pathTo('keys', id)}>{name || id}</a> },
  { title: 'keys.id', cell: ({ id }) => <Copy text={id} /> },
  { title: 'keys.role', cell: ({ role }) => role },
  { title: 'keys.status', cell: ({ status }) => <KeyStatus status={status} /> },
  { title: 'keys.lastUsed', cell: ({ lastUsed }) => (lastUsed ? <Time at={lastUsed} /> : t('keys.never')) },
  { title: 'keys.uses', isNumber: true, cell: ({ uses }) => number(uses) },
  { title: 'keys.expires', cell: ({ expires }) => (expires ? <Time at={expires} /> : t('keys.noEnd')) },
]

const callerColumns: readonly Column<Access>[] = [
  { title: 'keys.kind', cell: ({ kind }) => word('caller', kind) },
  { title: 'keys.name', cell: ({ name }) => name },
  { title: 'keys.id', cell: ({ id }) => <code>{id}</code> },
  { title: 'keys.role', cell: ({ role }) => role },
  { title: 'keys.lastUsed', cell: ({ lastUsed }) => (lastUsed ? <Time at={lastUsed} /> : t('keys.never')) },
]

/** Certificates and tokens of issuers, which rules of the policy accept. */
function OtherCallers({ rows }: { rows: readonly Access[] }) {
  if (rows.length === 0) return null
  return (
    <Section title="keys.others">
      <Table
        label="keys.others"
        columns={callerColumns}
        rows={rows}
        keyOf={({ kind, id, role }) => `${kind} ${id} ${role}`}
      />
    </Section>
  )
}
