/** What is asked of a log: all conditions that are given must hold. `*` in a value is any run of characters. */
import { matchesGlob } from '../../core/glob.ts'
import type { Entry } from '../write/entry.ts'

/** Which records are asked for: all conditions that are given must hold. */
export interface Query {
  /** Epoch milliseconds. */
  readonly sinceMs?: number
  readonly untilMs?: number
  /** Id or name of a key; what was done with a token of it is meant, too. */
  readonly identity?: string
  /** Id of a person behind a key, in lower case. */
  readonly person?: string
  /** As asked for or as served. */
  readonly model?: string
  /** A kind of ending, the code of a refusal, or the name of an event. */
  readonly outcome?: string
  /** Id or category of a finding, or `any`. */
  readonly finding?: string
  /** `x-request-id`, or a trace id. */
  readonly id?: string
}

/** The conditions that take a name or a pattern. */
export const filters = ['identity', 'person', 'model', 'outcome', 'finding', 'id'] as const

/** One of `filters`. */
export type Filter = (typeof filters)[number]

/** What a filter is held against. Nothing in an entry is taken for granted. */
const valuesOf: Readonly<Record<Filter, (entry: Entry) => readonly unknown[]>> = {
  identity: ({ identity }) =>
    identity
      ? [identity.id, identity.name, ...(Array.isArray(identity.from) ? (identity.from as unknown[]) : [])]
      : [],
  person: ({ person }) => [person],
  model: ({ model }) => (typeof model === 'string' ? [model] : [model?.served, model?.asked]),
  outcome: ({ ending, event }) => [ending?.kind, ending?.code, event],
  finding: ({ findings }) =>
    Array.isArray(findings)
      ? (findings as NonNullable<Entry['findings']>).flatMap(({ id, category }) => [id, category, 'any'])
      : [],
  id: ({ id, traceparent }) => [id, traceparent?.split('-')[1]],
}

/** Lists the values of an entry that a filter is held against. */
export function namesIn(entry: Entry, filter: Filter): string[] {
  return valuesOf[filter](entry).filter((value) => typeof value === 'string')
}

/** Whether a value is the pattern, in which `*` stands for any characters. */
export function isLike(pattern: string, value: string): boolean {
  return pattern.includes('*') ? matchesGlob(pattern, value) : pattern === value
}

/** Makes a test of entries from a query. */
export function queryOf(query: Query): (entry: Entry) => boolean {
  const { sinceMs, untilMs } = query
  const given = filters.flatMap((filter) => {
    const pattern = query[filter]
    return pattern === undefined ? [] : [{ filter, pattern }]
  })
  return (entry) => {
    const time = Date.parse(entry.time)
    if (sinceMs !== undefined && !(time >= sinceMs)) return false
    if (untilMs !== undefined && !(time < untilMs)) return false
    return given.every(({ filter, pattern }) =>
      namesIn(entry, filter).some((value) => isLike(pattern, value)),
    )
  }
}
