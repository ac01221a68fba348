/** What `verify` holds against each other while it goes from record to record. Constant memory. */
import type { KeyObject } from 'node:crypto'
import { createDeletions } from '../erase/deletions.ts'
import { type Checked, check, genesis, type Head } from '../write/chain.ts'
import { maxDelay } from '../write/checkpoints.ts'
import { isProven } from './proof.ts'

export interface ChainVerifierOptions {
  /** Whose signatures are believed, by `kid`; undefined: none is looked at. */
  readonly keys: ReadonlyMap<string, KeyObject> | undefined
  /** The walk does not begin with the beginning of the log. */
  readonly partial: boolean
  /** Records that must be these, if they are passed: of the head, of a checkpoint that somebody kept. */
  readonly expected: readonly (Head & { readonly by: string })[]
  note(text: string): void
}

export interface Place {
  /** A segment. */
  readonly file: string
  readonly line: number
}

export interface ChainVerifier {
  /** Told before the first line of each. @param first number of its first record, as its name says it */
  segment(file: string, first: number | undefined): void
  /** @returns what is wrong with the next line, if anything is */
  take(line: Buffer): Promise<string | undefined> | string | undefined
  /** Where it is. */
  readonly place: Place
  /** @returns what only the end shows */
  end(): { readonly why: string; readonly at: Place } | undefined
  readonly records: number
  readonly begunAt: number
  /** Number of the last record. */
  readonly last: number
  /** The last record that a signature vouches for. */
  readonly signedTo: number
  /** Whether an expected record was passed. */
  passed(seq: number): boolean
}

/** More than a gate writes between what a checkpoint names and the record that holds it (`maxDelay`). */
const remembered = 2 * maxDelay
const signedEvents: ReadonlySet<string> = new Set(['checkpoint', 'expired', 'erasure', 'erased'])

/** A hole is only told from tampering by the gap that the gate wrote when it found it, and is bad all the same. */
function missing(first: number, { seq, event, fields }: Checked): string {
  if (event !== 'gap' || fields().last !== seq - 1) return `record ${first} is missing`
  const when = fields().unrecorded === undefined ? 'was down' : 'ran'
  return `records ${first} to ${seq - 1} are missing: the log was cut while the gate ${when}`
}

export function createChainVerifier({ keys, partial, expected, note }: ChainVerifierOptions): ChainVerifier {
  const deletions = createDeletions(note)
  const recent: string[] = []
  let file = ''
  let line = 0
  let named: number | undefined
  let firstOfSegment = 1
  let records = 0
  let requests = 0
  let begunAt = 1
  let signedTo = 0
  let last: (Head & { readonly stopped: boolean }) | undefined

  const place = (): Place => ({ file, line })

  /** @returns what is wrong with the first record of all */
  const begin = (record: Checked): string | undefined => {
    const { seq, prev } = record
    begunAt = seq
    if (partial) note(`records before ${seq} were not checked`)
    else if (seq !== 1 || prev !== genesis) {
      // Of a log that was never whole, nothing follows from what is missing.
      if (prev === genesis) return missing(1, record)
      deletions.owe({ seq: seq - 1, hash: prev }, place())
    }
    return undefined
  }

  const follow = (record: Checked, before: NonNullable<typeof last>): string | undefined => {
    const { seq, prev, event } = record
    if (prev !== before.hash) return `record ${seq} does not follow record ${before.seq}`
    if (seq !== before.seq + 1) return missing(before.seq + 1, record)
    // After an orderly end somebody has to have started again; a record that just follows was put there.
    if (before.stopped && event === undefined) return `record ${seq} follows the end of a run`
    return undefined
  }

  const judgeCheckpoint = (seq: number, at: Partial<Head> | undefined): string | undefined => {
    if (at?.seq === undefined || at.seq >= seq) return `record ${seq} is a checkpoint that covers no record`
    if (at.seq < begunAt) return undefined
    if (recent[at.seq % remembered] !== `${at.seq} ${at.hash}`)
      return `record ${seq} is a checkpoint of another log: record ${at.seq} is not the one it names`
    signedTo = at.seq
    return undefined
  }

  /** Of a record that must be signed. */
  const prove = async (event: string, { seq, time, fields }: Checked): Promise<string | undefined> => {
    const record = fields()
    if (keys && !(await isProven(event, record, keys)))
      return `record ${seq} (${event}) is not signed with a known key`
    if (event === 'checkpoint') return judgeCheckpoint(seq, record.at as Partial<Head> | undefined)
    return deletions.tell(event, record, { seq, time, begunAt })
  }

  const listen = (event: string, checked: Checked) => {
    const { seq, time } = checked
    if (event === 'gap') note(`record ${seq}, ${time}: ${String(checked.fields().reason)}`)
    if (event === 'clock set back')
      note(`record ${seq}, ${time}: the clock was set back from ${String(checked.fields().from)}`)
    return signedEvents.has(event) ? prove(event, checked) : undefined
  }

  const take = (text: Buffer) => {
    line++
    const record = check(text)
    if ('wrong' in record) return `record ${(last?.seq ?? begunAt - 1) + 1} ${record.wrong}`
    const { seq, hash, event, erased } = record
    const wrong = last ? follow(record, last) : begin(record)
    if (wrong !== undefined) return wrong
    if (line === 1) {
      firstOfSegment = seq
      if (named !== undefined && named !== seq)
        return `the segment begins with record ${seq}, not with the one in its name`
    }
    for (const each of expected)
      if (each.seq === seq && each.hash !== hash)
        return `record ${seq} is not the one that the ${each.by} names`
    recent[seq % remembered] = `${seq} ${hash}`
    last = { seq, hash, stopped: event === 'stopped' }
    records++
    if (event !== undefined) return listen(event, record)
    requests++
    return erased === undefined ? undefined : deletions.erased(erased, firstOfSegment, hash, place())
  }

  return {
    segment(path, first) {
      file = path
      line = 0
      named = first
    },
    take,
    get place() {
      return place()
    },
    end() {
      const owed = deletions.unpaid()
      if (owed && !partial) return owed
      // The first thing a gate does is to sign where it begins; before that nothing is answered.
      if (keys && signedTo === 0 && requests > 0)
        return { why: 'no signed checkpoint covers these records', at: place() }
      return undefined
    },
    get records() {
      return records
    },
    get begunAt() {
      return begunAt
    },
    get last() {
      return last?.seq ?? 0
    },
    get signedTo() {
      return signedTo
    },
    passed: (seq) => seq >= begunAt && seq <= (last?.seq ?? 0),
  }
}
