/**
 * Walks a log from its first record to its last, over all its segments, and holds it against its head, its signed
 * checkpoints, and one that somebody kept elsewhere. Constant memory.
 *
 * Whoever can write the log, its head and its key can write all of it anew; only a checkpoint (or a public key) that
 * was kept elsewhere shows that.
 */
import type { KeyObject } from 'node:crypto'
import { linesOf } from '../files/lines.ts'
import { type Checked, check, genesis, type Head } from './chain.ts'
import { createDeletions } from './deletions.ts'
import { readHead } from './head.ts'
import { isProven } from './proof.ts'
import { bytesOf, type Segment, segmentsOf } from './segments.ts'
import { beginningAt } from './since.ts'

export interface VerifyOptions {
  /** Whose checkpoints are believed, by `kid`; without any, signatures are not looked at. */
  readonly keys?: ReadonlyMap<string, KeyObject>
  /** Where the chain stood, as somebody else knows it. */
  readonly checkpoint?: Head
  /** Epoch milliseconds: begins with the segment that was written then, and takes its beginning on trust. */
  readonly sinceMs?: number
  /** Told now and then how many records were walked over. */
  onProgress?(records: number): void
}

export interface Bad {
  readonly line: number
  readonly why: string
  /** The segment, by the name of its file. */
  readonly file: string
}

export interface Verdict {
  readonly records: number
  /** The first thing wrong with the chain itself; undefined if it holds. */
  readonly bad: Bad | undefined
  /** What the log itself tells: records that are missing, times at which the gate was not stopped in order, erasures. */
  readonly notes: readonly string[]
  /** False if the end of the chain could not be held against anything. */
  readonly headSeen: boolean
  /** The number of the last record that a signature vouches for; undefined without keys. */
  readonly signedTo?: number
}

const maxNotes = 100
const progressEvery = 10_000
/** Between what a checkpoint names and the record that holds it lies one turn of the event loop. */
const remembered = 16_384

/** @throws what `fs` throws if the log cannot be read */
export async function verifyLog(file: string, options: VerifyOptions = {}): Promise<Verdict> {
  const { keys, checkpoint, onProgress = () => {} } = options
  // Read before the log: records written meanwhile are newer than it, which is fine.
  const head = readHead(file)
  const notes: string[] = []
  const note = (text: string) => {
    if (notes.length < maxNotes) notes.push(text)
  }
  const all = segmentsOf(file)
  const segments = options.sinceMs === undefined ? all : await beginningAt(all, options.sinceMs)
  const partial = segments.length < all.length
  const deletions = createDeletions(note)
  const recent: string[] = []
  let place: Bad = { file, line: 0, why: '' }
  let records = 0
  let last: (Head & { readonly stopped: boolean }) | undefined
  let begunAt = 1
  let headMatches = head === undefined || head.seq === 0
  let checkpointMatches = checkpoint === undefined
  let signedTo = 0
  let requests = 0

  const bad = (why: string, at: { file: string; line: number } = place): Verdict => ({
    records,
    bad: { file: at.file, line: at.line, why },
    notes,
    headSeen: head !== undefined,
    ...(keys ? { signedTo } : {}),
  })

  /** @returns what is wrong with the first record of all */
  const begin = (record: Checked): string | undefined => {
    if (partial) {
      begunAt = record.seq
      note(`records before ${record.seq} were not looked at`)
    } else if (record.seq !== 1 || record.prev !== genesis) {
      begunAt = record.seq
      // Of a log that was never whole, nothing follows from what is missing.
      if (record.prev === genesis) return `record 1 is missing`
      deletions.owe({ seq: record.seq - 1, hash: record.prev }, place)
    }
    return undefined
  }

  const follow = (record: Checked, before: NonNullable<typeof last>): string | undefined => {
    if (record.prev !== before.hash) return `record ${record.seq} does not follow record ${before.seq}`
    if (record.seq !== before.seq + 1) {
      // A hole is only told from tampering by the gap that the gate wrote when it found it, and is bad all the same.
      const told = record.event === 'gap' && record.record.last === record.seq - 1
      return told
        ? `records ${before.seq + 1} to ${record.seq - 1} are missing: the log was cut while the gate was down`
        : `record ${before.seq + 1} is missing`
    }
    // After an orderly end somebody has to have started again; a record that just follows was put there.
    if (before.stopped && record.event === undefined) return `record ${record.seq} follows the end of a run`
    return undefined
  }

  /** What the log tells of itself. @returns what is wrong with it */
  const listen = async (record: Checked, segment: Segment): Promise<string | undefined> => {
    const { event, seq, time, record: told, erased } = record
    if (event === undefined) requests++
    if (erased !== undefined)
      return deletions.erased(erased, segment.first ?? firstOfSegment, record.hash, place)
    if (event === undefined) return undefined
    if (event === 'gap') note(`record ${seq}, ${time}: ${String(told.reason)}`)
    if (event === 'clock set back') note(`record ${seq}, ${time}: the clock was set back from ${told.from}`)
    if (!signedEvents.has(event)) return undefined
    if (keys && !(await isProven(event, told, keys)))
      return `record ${seq} (${event}) is not signed by a key that is known`
    if (event === 'checkpoint') {
      const at = told.at as Partial<Head> | undefined
      const passed = at?.seq !== undefined && at.seq >= begunAt ? recent[at.seq % remembered] : undefined
      if (at?.seq === undefined || at.seq >= seq) return `record ${seq} is a checkpoint of nothing`
      if (passed !== undefined && passed !== `${at.seq} ${at.hash}`)
        return `record ${seq} is a checkpoint of another log: record ${at.seq} is not the one it names`
      if (passed !== undefined) signedTo = at.seq
      return undefined
    }
    return deletions.tell(event, told, { seq, time, begunAt })
  }

  let firstOfSegment = 1
  for (const segment of segments) {
    place = { file: segment.path, line: 0, why: '' }
    firstOfSegment = (last?.seq ?? 0) + 1
    const lines = linesOf(bytesOf(segment))
    for (;;) {
      const next = await lines.next().catch(asFault)
      place = { ...place, line: place.line + 1 }
      if ('fault' in next) return bad(next.fault)
      if (next.done) break
      const record = check(next.value)
      if ('wrong' in record) return bad(`record ${(last?.seq ?? begunAt - 1) + 1} ${record.wrong}`)
      const wrong = last ? follow(record, last) : begin(record)
      if (wrong !== undefined) return bad(wrong)
      if (place.line === 1) {
        firstOfSegment = record.seq
        if (segment.first !== undefined && segment.first !== record.seq)
          return bad(`the segment begins with record ${record.seq}, not with the one it is named by`)
      }
      recent[record.seq % remembered] = `${record.seq} ${record.hash}`
      const fault = await listen(record, segment)
      if (fault !== undefined) return bad(fault)
      if (head && record.seq === head.seq) headMatches = record.hash === head.hash
      if (checkpoint && record.seq === checkpoint.seq) {
        if (record.hash !== checkpoint.hash)
          return bad(`record ${record.seq} is not the one the checkpoint names`)
        checkpointMatches = true
      }
      last = { seq: record.seq, hash: record.hash, stopped: record.event === 'stopped' }
      if (++records % progressEvery === 0) onProgress(records)
    }
  }
  // The first thing a gate does with a log is to write that it started.
  if (!last) return bad('the log is empty')
  if (head && head.seq > last.seq)
    return bad(`the log ends at record ${last.seq}, but its head is record ${head.seq}`)
  if (!headMatches && !(partial && (head?.seq ?? 0) < begunAt))
    return bad(`record ${head?.seq} is not the one that the head names`)
  if (checkpoint && !checkpointMatches) {
    if (checkpoint.seq > last.seq)
      return bad(`the log ends at record ${last.seq}, but the checkpoint names record ${checkpoint.seq}`)
    note(`record ${checkpoint.seq}, which the checkpoint names, is older than what was looked at`)
  }
  const owed = partial ? undefined : deletions.unpaid()
  if (owed) return bad(owed.why, owed.at)
  // The first thing a gate does is to sign where it begins; before that nothing is answered.
  if (keys && signedTo === 0 && requests > 0) return bad('no checkpoint vouches for any of these records')
  return {
    records,
    bad: undefined,
    notes,
    headSeen: head !== undefined,
    ...(keys ? { signedTo } : {}),
  }
}

const signedEvents: ReadonlySet<string> = new Set(['checkpoint', 'expired', 'erasure', 'erased'])

function asFault(error: unknown): { readonly fault: string } {
  if (error instanceof TypeError) return { fault: 'is no UTF-8, here or a little further on' }
  if (error instanceof RangeError) return { fault: error.message }
  const { code = '' } = error as NodeJS.ErrnoException
  if (code.startsWith('Z_')) return { fault: 'cannot be decompressed, here or a little further on' }
  throw error
}
