/** Models that roles may use: their digests, and whether each is the version that was locked. */
import { get } from '../../api/client.ts'
import type { Model, Models } from '../../api/types.ts'
import { Badge, Copy, Empty, Section, Shown } from '../../parts/basics.tsx'
import { shortDigest } from '../../parts/format.ts'
import { useLoad } from '../../parts/load.ts'
import { type Column, Table } from '../../parts/table.tsx'
import { t, word } from '../../texts/texts.ts'

const everyMs = 10_000

/** The part of the page. */
export function ModelsSection() {
  const models = useLoad('models', (options) => get<Models>('/admin/v1/models', options), everyMs)
  return (
    <Section title="models.title">
      <Shown loaded={models}>
        {({ models: rows, lock, require }) => (
          <>
            <p class="meta">
              <span>{t('models.lock', { state: word('lock', lock.state) })}</span>
              {lock.reason && <span>{lock.reason}</span>}
              <span class="dim">
                {t('models.require', { what: require.length > 0 ? require.join(', ') : t('rights.none') })}
              </span>
            </p>
            {rows.length === 0 ? (
              <Empty title="models.empty" how="models.emptyHow" />
            ) : (
              <Table
                label="models.title"
                columns={columns}
                rows={rows}
                keyOf={({ name, upstream }) => `${upstream} ${name}`}
              />
            )}
          </>
        )}
      </Shown>
    </Section>
  )
}

const columns: readonly Column<Model>[] = [
  { title: 'models.name', cell: ({ name }) => name },
  { title: 'models.upstream', cell: ({ upstream }) => upstream },
  {
    title: 'models.digest',
    cell: ({ digest }) => (digest ? <Copy text={digest} shown={shortDigest(digest)} /> : '–'),
  },
  {
    title: 'models.state',
    cell: ({ state, why }) => (
      <>
        <Badge tone={state === 'trusted' ? 'good' : state === 'flagged' ? 'warn' : 'bad'}>
          {word('modelState', state)}
        </Badge>{' '}
        {why}
      </>
    ),
  },
]
