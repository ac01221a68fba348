/** What was used: days as a chart, and a table by key, role, model or person. */
import { useMemo, useState } from 'preact/hooks'
import { getInTurn, queryOf } from '../../api/client.ts'
import type { UsageRow } from '../../api/types.ts'
import { Empty, Section, Shown } from '../../parts/basics.tsx'
import { DayChart, type Line } from '../../parts/chart.tsx'
import { SelectField } from '../../parts/fields.tsx'
import { dayOf, number } from '../../parts/format.ts'
import { useLoad } from '../../parts/load.ts'
import { type Column, Table } from '../../parts/table.tsx'
import { type TextKey, t } from '../../texts/texts.ts'

const groups = ['key', 'role', 'model', 'person', 'day'] as const
type Group = (typeof groups)[number]
const periods = ['24h', '7d', '30d', '90d']

/** The part of the page. */
export function UsageSection() {
  const [since, setSince] = useState('30d')
  const [by, setBy] = useState<Group>('key')
  // The server reads its log once at a time, so the two tables come one after the other.
  const usage = useLoad(`usage ${since} ${by}`, async (options) => {
    const rowsBy = async (group: Group) =>
      (await getInTurn<{ rows: UsageRow[] }>(`/admin/v1/usage${queryOf({ since, by: group })}`, options)).rows
    const days = await rowsBy('day')
    return { days, rows: by === 'day' ? days : await rowsBy(by) }
  })
  return (
    <Section title="usage.title">
      <div class="form">
        <SelectField
          label="usage.since"
          value={since}
          options={periods.map((period) => [period, period])}
          onChange={setSince}
        />
        <SelectField
          label="usage.by"
          value={by}
          options={groups.map((group) => [group, t(`usage.${group}`)])}
          onChange={(value) => setBy(groups.find((group) => group === value) ?? 'key')}
        />
      </div>
      <Shown loaded={usage}>
        {({ days, rows }) =>
          rows.length === 0 ? (
            <Empty title="usage.empty" how="usage.emptyHow" />
          ) : (
            <>
              <Days rows={days} />
              <Table
                label="usage.title"
                columns={columnsBy(by)}
                rows={rows}
                keyOf={(row) => String(row[by] ?? '')}
              />
            </>
          )
        }
      </Shown>
    </Section>
  )
}

function Days({ rows }: { rows: readonly UsageRow[] }) {
  const { days, requests, tokens } = useMemo(() => {
    const line = (name: TextKey, color: string, of: (row: UsageRow) => number): Line => {
      return { name, color, values: rows.map(of) }
    }
    return {
      days: rows.map(({ day }) => day ?? ''),
      requests: [
        line('usage.requests', '--accent', (row) => row.requests),
        line('usage.refused', '--bad', (row) => row.refused),
      ],
      tokens: [
        line('usage.input', '--accent', (row) => row.inputTokens),
        line('usage.output', '--good', (row) => row.outputTokens),
      ],
    }
  }, [rows])
  return (
    <div class="charts">
      <figure>
        <figcaption>{t('usage.requestsByDay')}</figcaption>
        <DayChart label="usage.requestsByDay" days={days} lines={requests} />
      </figure>
      <figure>
        <figcaption>{t('usage.tokensByDay')}</figcaption>
        <DayChart label="usage.tokensByDay" days={days} lines={tokens} />
      </figure>
    </div>
  )
}

function columnsBy(by: Group): readonly Column<UsageRow>[] {
  const nameOf = (row: UsageRow) => {
    const name = row[by]
    if (!name) return <span class="dim">{t('request.nobody')}</span>
    return by === 'day' ? dayOf(name) : name
  }
  const count = (title: TextKey, of: (row: UsageRow) => number): Column<UsageRow> => {
    return { title, isNumber: true, cell: (row) => number(of(row)) }
  }
  return [
    { title: `usage.${by}`, cell: nameOf },
    count('usage.requests', (row) => row.requests),
    count('usage.refused', (row) => row.refused),
    count('usage.input', (row) => row.inputTokens),
    count('usage.output', (row) => row.outputTokens),
    {
      title: 'usage.cost',
      isNumber: true,
      cell: ({ cost }) => (cost === null ? '–' : number(cost, 4)),
    },
  ]
}
