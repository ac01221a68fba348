/** What the commands that read the audit log share: selecting records, with progress, in constant memory. */

import { filters, type Query } from '../../audit/query/query.ts'
import type { ReadOptions } from '../../audit/query/read.ts'
import { type Selected, type Selecting, selectRecords } from '../../audit/query/select.ts'
import { createUnmatchedFilters, type Known } from '../../audit/query/unmatched-filters.ts'
import { segmentsOf } from '../../audit/write/segments.ts'
import { refusals } from '../../core/refusal.ts'
import { type Io, type Option, textOf, UsageError, type Values } from '../command.ts'
import { momentOption } from './audit-log.ts'
import { progressOf } from './progress.ts'

/** The option that leaves out earlier records. */
export const sinceOption: Option = {
  flags: '--since <time>',
  description: 'from this time on: 24h, 30d, or a date',
}

/** The options that select records. */
export const queryOptions: readonly Option[] = [
  sinceOption,
  { flags: '--until <time>', description: 'up to this time' },
  {
    flags: '--identity <key>',
    description: 'records of this key and its tokens, by id or name; `*` matches any characters',
  },
  { flags: '--person <id>', description: 'person behind a key, in lower case' },
  { flags: '--model <name>', description: 'model as requested or as served, such as qwen3:*' },
  { flags: '--outcome <outcome>', description: 'answered, refused, cut, aborted, a code, or an event' },
  { flags: '--finding <id>', description: 'id or category of a finding, or `any`' },
  { flags: '--id <id>', description: 'a request id or a trace id' },
]

/**
 * Returns the query that the options describe.
 * @throws UsageError
 */
export function queryIn(values: Values): Query {
  const moments = { sinceMs: momentOption(values, 'since'), untilMs: momentOption(values, 'until') }
  const names = filters.map((name) => [name, textOf(values, name)])
  const given = [...Object.entries(moments), ...names].filter(
    ([, value]) => value !== undefined && value !== '',
  )
  return Object.fromEntries(given) as Query
}

/**
 * Yields the matching records of all chains of a log, each with its line.
 * @throws UsageError if there is no log, or a filter names something that no record has
 */
export async function* ask(
  file: string,
  query: Query,
  io: Io,
  { wait, known = {}, withTexts = false, read }: Asking = {},
): AsyncGenerator<Selected> {
  if (segmentsOf(file).length === 0) throw new UsageError(`There is no log ${file}.`)
  const vain = createUnmatchedFilters(query)
  const told = () => vain.told({ outcome: outcomes, ...known })
  const progress = progressOf(io, 'records')
  let count = 0
  let isTold = false
  const tellFirst = async () => {
    if (!isTold) for (const { sentence } of told()) io.err(`So far, ${sentence}.\n`)
    isTold = true
    return (await wait?.()) ?? false
  }
  try {
    yield* selectRecords(file, query, {
      ...(wait ? { wait: tellFirst } : {}),
      withTexts,
      ...(read ? { read } : {}),
      onRead(entry) {
        if (++count % 1000 === 0) progress.tell(count)
        if (entry) vain.see(entry)
      },
    })
  } finally {
    progress.end()
  }
  if (wait || count === 0) return
  // If only a part of the log was read, a filter without a match may be right.
  const isWhole = query.sinceMs === undefined
  const mistakes = isWhole ? told().filter(({ isMistake }) => isMistake) : []
  if (mistakes.length > 0) throw new UsageError(mistakes.map(({ sentence }) => sentence).join('; '))
  for (const { sentence } of told()) io.err(`${isWhole ? 'Note' : 'Since then'}: ${sentence}.\n`)
}

interface Asking {
  /** Waits for further records; absent: stops at the end of the log. */
  readonly wait?: ReadOptions['wait']
  /** Names that are valid even if no record has them. */
  readonly known?: Known
  /** Whether lines have the texts that their records refer to. */
  readonly withTexts?: boolean
  /** Reads a line; whole if absent. */
  readonly read?: Selecting['read']
}

const outcomes = ['answered', 'refused', 'cut', 'aborted', ...Object.keys(refusals)]
