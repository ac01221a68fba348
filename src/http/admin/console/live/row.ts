/** What the console shows of a request in one line: of its record what is no text. */

import { isLike } from '../../../../audit/query/query.ts'
import type { Entry } from '../../../../audit/write/entry.ts'
import type { RequestRecord } from '../../../../audit/write/record.ts'

/** A finding, in short. */
interface RowFinding {
  readonly guard: string
  readonly id: string
  readonly category: string
  readonly action: string
}

/** One line of the live view, or of a search. */
export interface LiveRow {
  readonly id: string | null
  readonly time: string
  readonly key: {
    readonly kind: string
    readonly id: string
    readonly name: string
    readonly role: string
    /** Of a token: its key and the tokens between them. */
    readonly from?: readonly string[]
  } | null
  readonly route: string | null
  readonly model: string | null
  readonly upstream: string | null
  /** The code of a refusal, or how else it ended. */
  readonly outcome: string
  readonly status: number | null
  readonly findings: readonly RowFinding[]
  readonly tokens: { readonly in: number; readonly out: number } | null
  readonly ms: number | null
  readonly firstByteMs: number | null
  readonly queuedMs: number | null
  /** The name of a worker's chain; empty for the log itself. */
  readonly chain: string
}

const maxFindings = 32

/** A record of a request, as it was made or as it was read from the log. */
type Recorded = Pick<RequestRecord, 'time'> &
  Partial<Pick<RequestRecord, 'id' | 'identity' | 'route' | 'model' | 'upstream' | 'findings' | 'usage'>> & {
    readonly ending?: RequestRecord['ending']
    readonly timing?: Partial<RequestRecord['timing']>
  }

/** Makes the line of a record. @param chain of which it is */
export function rowOf(record: Recorded, chain: string): LiveRow {
  const { identity, model, usage, ending, timing } = record
  return {
    id: record.id ?? null,
    time: record.time,
    key: identity ? keyOf(identity) : null,
    route: record.route ?? null,
    model: model?.served ?? model?.asked ?? null,
    upstream: record.upstream ?? null,
    outcome: ending?.code ?? ending?.kind ?? '',
    status: ending?.status ?? null,
    findings: (record.findings ?? []).slice(0, maxFindings).map(findingOf),
    tokens: usage ? { in: usage.input, out: usage.output } : null,
    ms: timing?.totalMs ?? null,
    firstByteMs: timing?.firstByteMs ?? null,
    queuedMs: timing?.queuedMs ?? null,
    chain,
  }
}

function keyOf({ kind, id, name, role, from }: NonNullable<RequestRecord['identity']>) {
  return { kind, id, name, role, ...(from ? { from } : {}) }
}

function findingOf({ guard, id, category, action }: RowFinding): RowFinding {
  return { guard, id, category, action }
}

/** What a line can be asked for; `*` in a value is any run of characters. */
export const rowFilters = ['key', 'role', 'model', 'outcome', 'finding', 'route'] as const

/** Which lines are asked for: all conditions that are given must hold. */
export type RowQuery = { readonly [filter in (typeof rowFilters)[number]]?: string | undefined }

/** What a filter is held against. */
const valuesOf: Readonly<Record<(typeof rowFilters)[number], (row: LiveRow) => readonly (string | null)[]>> =
  {
    key: ({ key }) => (key ? [key.id, key.name, ...(key.from ?? [])] : []),
    role: ({ key }) => [key?.role ?? null],
    model: ({ model }) => [model],
    outcome: ({ outcome }) => [outcome],
    finding: ({ findings }) => findings.flatMap(({ id, category, guard }) => [id, category, guard, 'any']),
    route: ({ route }) => [route],
  }

/** Makes a test of lines. */
export function rowTest(query: RowQuery): (row: LiveRow) => boolean {
  const given = rowFilters.flatMap((filter) => {
    const pattern = query[filter]
    return pattern === undefined ? [] : [{ filter, pattern }]
  })
  return (row) =>
    given.every(({ filter, pattern }) =>
      valuesOf[filter](row).some((value) => value !== null && isLike(pattern, value)),
    )
}

/** A line of a search: also events have one, in which most is null. */
export interface FoundRow extends LiveRow {
  readonly seq: number
  /** By which `/admin/v1/records/:id` finds it, also if it has no id. */
  readonly ref: string
  readonly event: string | null
  readonly by: string | null
  readonly why: string | null
}

/** Makes the line of an entry of the log. Nothing in it is taken for granted. */
export function foundRowOf(entry: Entry, chain: string): FoundRow {
  const { seq, event, by, why, model, findings, identity } = entry
  const text = (value: unknown) => (typeof value === 'string' ? value : null)
  const isRecord = (value: unknown) => typeof value === 'object' && value !== null
  const recorded = {
    ...entry,
    model: typeof model === 'string' ? { asked: model, served: null, digest: null } : model,
    findings: Array.isArray(findings) ? findings.filter(isRecord) : [],
    identity: isRecord(identity) ? identity : null,
  } as Recorded
  const row = rowOf(recorded, chain)
  return {
    ...row,
    ...{ seq, ref: refOf(seq, chain), event: text(event), by: text(by), why: text(why) },
    outcome: row.outcome || text(event) || '',
  }
}

/** Names a record by its place: `@12`, or `@w1.12` in the chain of a worker. No request id begins so. */
export function refOf(seq: number, chain: string): string {
  return chain === '' ? `@${seq}` : `@${chain}.${seq}`
}

/** Reads what `refOf` has written. */
export function placeIn(ref: string): { readonly chain: string; readonly seq: number } | undefined {
  const [, chain = '', seq] = /^@(?:(w[1-9]\d{0,3})\.)?(\d{1,15})$/.exec(ref) ?? []
  return seq === undefined ? undefined : { chain, seq: Number(seq) }
}
