/** Verifies the chain record by record: what `audit verify` and the gateway ask. Constant memory. */
import type { KeyObject } from 'node:crypto'
import { createDeletions, type Deletions, type LinePosition } from '../erase/deletions.ts'
import { type Checked, check, genesis, type Head } from '../write/chain.ts'
import { maxDelay } from '../write/checkpoints.ts'
import { isProven } from './proof.ts'

/** What a log is verified against. */
export interface ChainVerifierOptions {
  /** Whose signatures are believed, by `kid`; undefined: none is looked at. */
  readonly keys: ReadonlyMap<string, KeyObject> | undefined
  /** Whether the first line is not the log's. */
  readonly partial: boolean
  /** Records that must be these, if they are passed: of the head, of a checkpoint that somebody kept. */
  readonly expected: readonly (Head & { readonly by: string })[]
  /** Told what the log says of itself. */
  note(text: string): void
}

/** Verifies a log, line by line. */
export interface ChainVerifier {
  /** Begins a segment. @param first number of its first record, as its name says it */
  segment(file: string, first: number | undefined): void
  /** Takes the next line, without its newline. @returns what is wrong with it, if anything is */
  take(line: Buffer): Promise<string | undefined> | string | undefined
  /** Where it is. */
  readonly place: LinePosition
  /** Ends the walk. @returns what only the end shows */
  end(): { readonly why: string; readonly at: LinePosition } | undefined
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

/** Makes a verifier that has seen no record. */
export function createChainVerifier(options: ChainVerifierOptions): ChainVerifier {
  return new Walk(options)
}

class Walk implements ChainVerifier {
  readonly #keys: ChainVerifierOptions['keys']
  readonly #partial: boolean
  readonly #expected: ChainVerifierOptions['expected']
  readonly #note: (text: string) => void
  readonly #deletions: Deletions
  /** The latest records, as many as a checkpoint may lie behind. */
  readonly #recent: string[] = []
  #file = ''
  #line = 0
  /** Number of the segment's first record, as its name says it. */
  #named: number | undefined
  #firstOfSegment = 1
  #records = 0
  #requests = 0
  #begunAt = 1
  #signedTo = 0
  #last: (Head & { readonly stopped: boolean }) | undefined

  constructor({ keys, partial, expected, note }: ChainVerifierOptions) {
    this.#keys = keys
    this.#partial = partial
    this.#expected = expected
    this.#note = note
    this.#deletions = createDeletions(note)
  }

  get place(): LinePosition {
    return { file: this.#file, line: this.#line }
  }

  get records(): number {
    return this.#records
  }

  get begunAt(): number {
    return this.#begunAt
  }

  get last(): number {
    return this.#last?.seq ?? 0
  }

  get signedTo(): number {
    return this.#signedTo
  }

  passed(seq: number): boolean {
    return seq >= this.#begunAt && seq <= this.last
  }

  segment(file: string, first: number | undefined): void {
    this.#file = file
    this.#line = 0
    this.#named = first
  }

  take(text: Buffer): Promise<string | undefined> | string | undefined {
    this.#line++
    const record = check(text)
    if ('wrong' in record) return `record ${(this.#last?.seq ?? this.#begunAt - 1) + 1} ${record.wrong}`
    const { seq, hash, event, erased } = record
    const wrong = this.#last ? this.#follow(record, this.#last) : this.#begin(record)
    if (wrong !== undefined) return wrong
    if (this.#line === 1) {
      this.#firstOfSegment = seq
      if (this.#named !== undefined && this.#named !== seq)
        return `the segment begins with record ${seq}, not with the one in its name`
    }
    for (const each of this.#expected)
      if (each.seq === seq && each.hash !== hash)
        return `record ${seq} is not the one that the ${each.by} names`
    this.#recent[seq % remembered] = `${seq} ${hash}`
    this.#last = { seq, hash, stopped: event === 'stopped' }
    this.#records++
    if (event !== undefined) return this.#listen(event, record)
    this.#requests++
    return erased === undefined
      ? undefined
      : this.#deletions.erased(erased, this.#firstOfSegment, hash, this.place)
  }

  end(): { readonly why: string; readonly at: LinePosition } | undefined {
    const owed = this.#deletions.unpaid()
    if (owed && !this.#partial) return owed
    // The first thing a gate does is to sign where it begins; before that nothing is answered.
    if (this.#keys && this.#signedTo === 0 && this.#requests > 0)
      return { why: 'no signed checkpoint covers these records', at: this.place }
    return undefined
  }

  /** @returns what is wrong with the first record of all */
  #begin(record: Checked): string | undefined {
    const { seq, prev } = record
    this.#begunAt = seq
    if (this.#partial) this.#note(`records before ${seq} were not checked`)
    else if (seq !== 1 || prev !== genesis) {
      // Of a log that was never whole, nothing follows from what is missing.
      if (prev === genesis) return missing(1, record)
      this.#deletions.owe({ seq: seq - 1, hash: prev }, this.place)
    }
    return undefined
  }

  /** @returns what is wrong with a record behind another */
  #follow(record: Checked, before: Head & { readonly stopped: boolean }): string | undefined {
    const { seq, prev, event } = record
    if (prev !== before.hash) return `record ${seq} does not follow record ${before.seq}`
    if (seq !== before.seq + 1) return missing(before.seq + 1, record)
    // After an orderly end somebody has to have started again; a record that just follows was put there.
    if (before.stopped && event === undefined) return `record ${seq} follows the end of a run`
    return undefined
  }

  #judgeCheckpoint(seq: number, at: Partial<Head> | undefined): string | undefined {
    if (at?.seq === undefined || at.seq >= seq) return `record ${seq} is a checkpoint that covers no record`
    if (at.seq < this.#begunAt) return undefined
    if (this.#recent[at.seq % remembered] !== `${at.seq} ${at.hash}`)
      return `record ${seq} is a checkpoint of another log: record ${at.seq} is not the one it names`
    this.#signedTo = at.seq
    return undefined
  }

  /** Judges a record that must be signed. */
  async #prove(event: string, { seq, time, fields }: Checked): Promise<string | undefined> {
    const record = fields()
    if (this.#keys && !(await isProven(event, record, this.#keys)))
      return `record ${seq} (${event}) is not signed with a known key`
    if (event === 'checkpoint') return this.#judgeCheckpoint(seq, record.at as Partial<Head> | undefined)
    return this.#deletions.tell(event, record, { seq, time, begunAt: this.#begunAt })
  }

  #listen(event: string, checked: Checked): Promise<string | undefined> | undefined {
    const { seq, time } = checked
    if (event === 'gap') this.#note(`record ${seq}, ${time}: ${String(checked.fields().reason)}`)
    if (event === 'clock set back')
      this.#note(`record ${seq}, ${time}: the clock was set back from ${String(checked.fields().from)}`)
    return signedEvents.has(event) ? this.#prove(event, checked) : undefined
  }
}
