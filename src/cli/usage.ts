/** `torwart usage`: requests, tokens and cost by key, role, group, model, person or day, from the audit log. */
import { readerFor, type UsageGroup, type UsageRow, UsageTable, usageGroups } from '../audit/query/usage.ts'
import { csv } from '../core/csv.ts'
import { table } from '../core/table.ts'
import { loadPolicy } from '../policy/load.ts'
import { pricesOf } from '../policy/prices.ts'
import { type Command, configOption, type ExitCode, jsonOption, textOf, UsageError } from './command.ts'
import { ask, queryIn, sinceOption } from './shared/audit-query.ts'

const columns = [
  'requests',
  'refused',
  'inputTokens',
  'outputTokens',
  'cost',
  'unpricedTokens',
  'gpuSeconds',
] as const
const titles = ['requests', 'refused', 'input tokens', 'output tokens', 'GPU seconds', 'cost'] as const

/** The command `torwart usage`. */
export const usage: Command = {
  argument: '[file]',
  options: [
    configOption,
    { ...sinceOption, standard: '30d' },
    { flags: '--until <time>', description: 'up to this time' },
    { flags: '--by <what>', description: `one row for each ${usageGroups.join(', ')}`, standard: 'key' },
    { flags: '--csv', description: 'print CSV' },
    jsonOption,
  ],
  async run(values, io, given): Promise<ExitCode> {
    if (values.csv && values.json) throw new UsageError('Give either --csv or --json, not both.')
    const by = groupOf(textOf(values, 'by'))
    const { policy } = loadPolicy(textOf(values, 'config'), io.variables)
    const query = queryIn(values)
    const used = new UsageTable(by, pricesOf(policy))
    const asking = { read: readerFor(by) }
    for await (const { entry } of ask(given ?? policy.audit.file, query, io, asking)) used.add(entry)
    const rows = used.result()
    if (values.json) io.out(`${JSON.stringify({ rows }, null, 2)}\n`)
    else if (values.csv)
      io.out(
        csv(
          [by, ...columns],
          rows.map((row) => ({ ...row })),
        ),
      )
    else if (rows.length === 0) io.out('Nothing was used.\n')
    else io.out(table([by, ...titles], rows.map(shown)))
    return 0
  },
}

/** @throws UsageError */
function groupOf(given: string): UsageGroup {
  const by = usageGroups.find((each) => each === given)
  if (!by) throw new UsageError(`--by must be one of ${usageGroups.join(', ')}.`)
  return by
}

function shown(row: UsageRow) {
  return {
    ...row,
    'input tokens': row.inputTokens,
    'output tokens': row.outputTokens,
    'GPU seconds': row.gpuSeconds ?? undefined,
    cost: row.cost === null ? undefined : costText(row.cost),
  }
}

/** A sum has no more than six decimals. Four are printed, or as many as give a small sum two significant digits. */
function costText(cost: number): string {
  const decimals = cost > 0 ? 1 - Math.floor(Math.log10(cost)) : 0
  return cost.toFixed(Math.min(Math.max(decimals, 4), 6))
}
