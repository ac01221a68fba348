/** Filters of requests, which live view and search share. They stand in the address, so that a search can be passed on. */
import { useState } from 'preact/hooks'
import { queryOf } from '../../api/client.ts'
import { Form, TextField } from '../../parts/fields.tsx'
import { go } from '../../parts/route.ts'
import { type TextKey, t } from '../../texts/texts.ts'

/** Names of the filters that the live view has. */
export const liveFilters = ['key', 'role', 'model', 'outcome', 'finding', 'route'] as const

/** Values of filters by name. */
export type Filters = Readonly<Record<string, string>>

/** Reads filters from an address. */
export function filtersIn(query: URLSearchParams, names: readonly string[]): Filters {
  return Object.fromEntries(names.flatMap((name) => (query.get(name) ? [[name, query.get(name) ?? '']] : [])))
}

const outcomes = [
  'answered',
  'cut',
  'aborted',
  'prompt_blocked',
  'tool_not_allowed',
  'rate_limited',
  'frozen',
]
const proposals: Readonly<Record<string, readonly string[]>> = {
  outcome: outcomes,
  since: ['1h', '24h', '7d', '30d'],
}

/** A field for each filter. @param names has the filters in their order */
export function FilterForm({
  names,
  labels,
  filters,
  path,
}: {
  names: readonly string[]
  labels: Readonly<Record<string, TextKey>>
  filters: Filters
  path: string
}) {
  const [draft, setDraft] = useState(filters)
  const apply = (wanted: Filters) => go(path + queryOf(wanted))
  return (
    <Form label="filters.label" onSubmit={() => apply(draft)}>
      {names.map((name) => (
        <TextField
          key={name}
          label={labels[name] ?? 'filters.label'}
          value={draft[name] ?? ''}
          {...(proposals[name] ? { options: proposals[name] } : {})}
          onChange={(value) => setDraft({ ...draft, [name]: value })}
        />
      ))}
      <div class="actions">
        <button type="submit">{t('filters.apply')}</button>
        {Object.keys(filters).length > 0 && (
          <button
            type="button"
            onClick={() => {
              setDraft({})
              apply({})
            }}
          >
            {t('filters.clear')}
          </button>
        )}
      </div>
    </Form>
  )
}

/** The names of the filters in words. */
export const filterLabels: Readonly<Record<string, TextKey>> = {
  since: 'filters.since',
  until: 'filters.until',
  key: 'filters.key',
  role: 'filters.role',
  model: 'filters.model',
  outcome: 'filters.outcome',
  finding: 'filters.finding',
  route: 'filters.route',
}
