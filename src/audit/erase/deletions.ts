/**
 * What a log says was deleted or erased, held against what is missing in it. A beginning that is missing must be told by
 * an `expired` record, and content that is missing by an `erasure` that names just these records.
 */
import type { Head } from '../write/chain.ts'
import { createTally, type Portion, type Tally } from './erasure.ts'

/** A line of a segment. */
export interface LinePosition {
  readonly file: string
  readonly line: number
}

/** What is missing in a log, and what its records say about that. */
export interface Deletions {
  /** Notes that the log begins behind this record. */
  owe(before: Head, at: LinePosition): void
  /** Notes a record whose content is gone. @returns what is wrong with that */
  erased(erasure: string, segment: number, hash: string, at: LinePosition): string | undefined
  /** Judges a record that tells of a deletion. @returns what is wrong with it */
  tell(event: string, told: Readonly<Record<string, unknown>>, where: RecordPlace): string | undefined
  /** Finds, at the end, what no record tells of. */
  unpaid(): { readonly why: string; readonly at: LinePosition } | undefined
}

/** The record that tells of a deletion. */
interface RecordPlace {
  readonly seq: number
  readonly time: string | undefined
  /** Number of the first record that was looked at. */
  readonly begunAt: number
}

/** A log with more pieces than this was made to fill the memory. */
const maxPieces = 200_000

/** Holds nothing yet. @param note told of what the log says was deleted or erased */
export function createDeletions(note: (text: string) => void): Deletions {
  return new ToldDeletions(note)
}

class ToldDeletions implements Deletions {
  readonly #note: (text: string) => void
  #owed: (Head & { readonly at: LinePosition }) | undefined
  /** Of an erasure in a segment, until the record that tells of it comes. */
  readonly #found = new Map<
    string,
    { readonly tally: Tally; readonly at: LinePosition; readonly erasure: string }
  >()
  /** Not told to be done yet, by the record that announces it; and a segment of it that is as it was. */
  readonly #open = new Map<string, number>()
  readonly #untouched = new Map<string, number>()

  constructor(note: (text: string) => void) {
    this.#note = note
  }

  owe(before: Head, at: LinePosition): void {
    this.#owed = { ...before, at }
  }

  erased(erasure: string, segment: number, hash: string, at: LinePosition): string | undefined {
    const key = `${erasure} ${segment}`
    const seen = this.#found.get(key) ?? { tally: createTally(), at, erasure }
    seen.tally.add(hash)
    this.#found.set(key, seen)
    return this.#found.size > maxPieces ? 'implausibly many erasures' : undefined
  }

  tell(event: string, told: Readonly<Record<string, unknown>>, where: RecordPlace): string | undefined {
    if (event === 'erasure') return this.#announced(told, where)
    if (event === 'erased') {
      const erasure = String(told.erasure)
      this.#open.delete(erasure)
      const left = this.#untouched.get(erasure)
      if (left !== undefined)
        return `record ${where.seq} records an erasure as done, but its content is still in segment ${left}`
    }
    if (event === 'expired') {
      if (this.#owed && told.last === this.#owed.seq && told.tip === this.#owed.hash) this.#owed = undefined
      this.#note(
        `record ${where.seq}, ${where.time}: records ${told.first} to ${told.last} were deleted after their retention`,
      )
    }
    return undefined
  }

  unpaid(): { readonly why: string; readonly at: LinePosition } | undefined {
    if (this.#owed)
      return {
        why: `the log begins with record ${this.#owed.seq + 1}, and no record explains the missing ones before it`,
        at: this.#owed.at,
      }
    const [left] = this.#found.values()
    if (left) return { why: 'the content of this record is missing, and no erasure covers it', at: left.at }
    for (const [erasure, seq] of this.#open) this.#note(`record ${seq}: erasure ${erasure} is not finished`)
    return undefined
  }

  #announced(
    told: Readonly<Record<string, unknown>>,
    { seq, time, begunAt }: RecordPlace,
  ): string | undefined {
    const erasure = String(told.erasure)
    for (const portion of (Array.isArray(told.segments) ? told.segments : []) as Portion[]) {
      const key = `${erasure} ${portion.first}`
      const seen = this.#found.get(key)
      if (!seen) {
        // Gone with its time, or not looked at; else not rewritten yet.
        if (portion.first >= begunAt) this.#untouched.set(erasure, portion.first)
        continue
      }
      const { count, digest } = seen.tally.sum()
      if (count !== portion.count || digest !== portion.digest)
        return `record ${seq} describes an erasure of ${portion.count} records in segment ${portion.first}, but other records were erased`
      this.#found.delete(key)
    }
    this.#open.set(erasure, seq)
    this.#note(
      `record ${seq}, ${time}: the content of ${told.records} records was erased by ${told.by}: ${told.why}`,
    )
    return undefined
  }
}
