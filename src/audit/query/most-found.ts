/** What the prompt guard found most often, by signature, where it stood, and whose request it was: from one walk over the log. */
import type { Entry } from '../write/entry.ts'
import type { RecordedFinding } from '../write/record.ts'

/** How often a signature was found in one place, at one key. */
export interface FoundRow {
  /** Of the signature. */
  readonly id: string
  readonly category: string
  readonly channel: string
  readonly tool: string | null
  /** Id of the key. */
  readonly key: string | null
  readonly name: string | null
  readonly role: string | null
  /** Requests in which it was found, by what was done. */
  readonly blocked: number
  readonly flagged: number
  /** Let pass by an exception. */
  readonly excepted: number
  readonly last: { readonly time: string; readonly seq: number; readonly request: string | null }
}

/** What was found most often, the most frequent first. */
export interface MostFound {
  readonly findings: readonly FoundRow[]
  /** Requests whose findings have no row, because there were too many different ones. */
  readonly leftOut: number
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

const maxRows = 10_000

/** Counts findings, entry by entry. */
export function createMostFound() {
  const rows = new Map<string, Mutable<FoundRow>>()
  let leftOut = 0

  const add = (entry: Entry, finding: RecordedFinding) => {
    const { id, category, channel, tool = null } = finding
    const { id: key, name, role } = entry.identity ?? { id: null, name: null, role: null }
    const of = JSON.stringify([id, channel, tool, key])
    let row = rows.get(of)
    if (!row && rows.size >= maxRows) return false
    const last = { time: entry.time, seq: entry.seq, request: entry.id ?? null }
    row ??= { id, category, channel, tool, key, name, role, blocked: 0, flagged: 0, excepted: 0, last }
    if (finding.exception !== undefined) row.excepted++
    else if (finding.action === 'block') row.blocked++
    else if (finding.action === 'flag') row.flagged++
    row.last = last
    rows.set(of, row)
    return true
  }

  return {
    add(entry: Entry): void {
      const { findings } = entry
      if (!Array.isArray(findings)) return
      const counted = new Map<string, RecordedFinding>()
      for (const each of findings as readonly RecordedFinding[])
        if (each?.guard === 'prompt' && (each.action !== 'allow' || each.exception !== undefined)) {
          const key = JSON.stringify([each.id, each.channel, each.tool, each.exception === undefined])
          if (!counted.has(key)) counted.set(key, each)
        }
      const told = [...counted.values()].map((each) => add(entry, each))
      if (told.includes(false)) leftOut++
    },
    result(): MostFound {
      const findings = [...rows.values()].toSorted(
        (a, b) => b.blocked - a.blocked || b.flagged - a.flagged || b.excepted - a.excepted,
      )
      return { findings, leftOut }
    },
  }
}
