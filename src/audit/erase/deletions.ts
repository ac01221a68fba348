/**
 * What a log says was deleted or erased, held against what is missing in it. A beginning that is missing must be told by
 * an `expired` record, and content that is missing by an `erasure` that names just these records.
 */
import type { Head } from '../write/chain.ts'
import { createTally, type Portion, type Tally } from './erasure.ts'

interface Place {
  readonly file: string
  readonly line: number
}

export interface Deletions {
  /** The log begins behind this record. */
  owe(before: Head, at: Place): void
  /** A record whose content is gone. @returns what is wrong with that */
  erased(erasure: string, segment: number, hash: string, at: Place): string | undefined
  /** A record that tells of a deletion. @returns what is wrong with it */
  tell(event: string, told: Readonly<Record<string, unknown>>, where: Where): string | undefined
  /** At the end: what nothing tells of. */
  unpaid(): { readonly why: string; readonly at: Place } | undefined
}

interface Where {
  readonly seq: number
  readonly time: string | undefined
  /** Number of the first record that was looked at. */
  readonly begunAt: number
}

/** A log with more pieces than this was made to fill the memory. */
const maxPieces = 200_000

export function createDeletions(note: (text: string) => void): Deletions {
  let owed: (Head & { readonly at: Place }) | undefined
  /** Of an erasure in a segment, until the record that tells of it comes. */
  const found = new Map<string, { readonly tally: Tally; readonly at: Place; readonly erasure: string }>()
  /** Not told to be done yet, by the record that announces it; and a segment of it that is as it was. */
  const open = new Map<string, number>()
  const untouched = new Map<string, number>()

  const announced = (told: Readonly<Record<string, unknown>>, { seq, time, begunAt }: Where) => {
    const erasure = String(told.erasure)
    for (const portion of (Array.isArray(told.segments) ? told.segments : []) as Portion[]) {
      const key = `${erasure} ${portion.first}`
      const seen = found.get(key)
      if (!seen) {
        // Gone with its time, or not looked at; else not rewritten yet.
        if (portion.first >= begunAt) untouched.set(erasure, portion.first)
        continue
      }
      const { count, digest } = seen.tally.sum()
      if (count !== portion.count || digest !== portion.digest)
        return `record ${seq} describes an erasure of ${portion.count} records in segment ${portion.first}, but other records were erased`
      found.delete(key)
    }
    open.set(erasure, seq)
    note(
      `record ${seq}, ${time}: the content of ${told.records} records was erased by ${told.by}: ${told.why}`,
    )
    return undefined
  }

  return {
    owe(before, at) {
      owed = { ...before, at }
    },
    erased(erasure, segment, hash, at) {
      const key = `${erasure} ${segment}`
      const seen = found.get(key) ?? { tally: createTally(), at, erasure }
      seen.tally.add(hash)
      found.set(key, seen)
      return found.size > maxPieces ? 'implausibly many erasures' : undefined
    },
    tell(event, told, where) {
      if (event === 'erasure') return announced(told, where)
      if (event === 'erased') {
        const erasure = String(told.erasure)
        open.delete(erasure)
        const left = untouched.get(erasure)
        if (left !== undefined)
          return `record ${where.seq} records an erasure as done, but its content is still in segment ${left}`
      }
      if (event === 'expired') {
        if (owed && told.last === owed.seq && told.tip === owed.hash) owed = undefined
        note(
          `record ${where.seq}, ${where.time}: records ${told.first} to ${told.last} were deleted after their retention`,
        )
      }
      return undefined
    },
    unpaid() {
      if (owed)
        return {
          why: `the log begins with record ${owed.seq + 1}, and no record explains the missing ones before it`,
          at: owed.at,
        }
      const [left] = found.values()
      if (left) return { why: 'the content of this record is missing, and no erasure covers it', at: left.at }
      for (const [erasure, seq] of open) note(`record ${seq}: erasure ${erasure} is not finished`)
      return undefined
    },
  }
}
