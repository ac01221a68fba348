/**
 * Walks a log from its first line to its last and holds it against its head. Constant memory.
 */
import { createReadStream } from 'node:fs'
import { linesOf } from '../files/lines.ts'
import { check, genesis } from './chain.ts'
import { readHead } from './head.ts'

export interface Verdict {
  readonly records: number
  /** The first thing wrong with the chain itself; undefined if it holds. */
  readonly bad: { readonly line: number; readonly why: string } | undefined
  /** Records that are missing, and times at which the gate was not stopped in order, as the log itself tells. */
  readonly notes: readonly string[]
  /** False if the end of the chain could not be held against anything. */
  readonly headSeen: boolean
}

const maxNotes = 100

/** @throws what `fs` throws if the log cannot be read */
export async function verifyLog(file: string): Promise<Verdict> {
  // Read before the log: records written meanwhile are newer than it, which is fine.
  const head = readHead(file)
  const notes: string[] = []
  let line = 0
  let seq = 0
  let stopped = false
  let prev = genesis
  let headMatches = head === undefined || head.seq === 0
  const bad = (why: string): Verdict => ({
    records: line - 1,
    bad: { line, why },
    notes,
    headSeen: head !== undefined,
  })
  const lines = linesOf(createReadStream(file, { highWaterMark: 256 * 1024 }))
  for (;;) {
    const next = await lines.next().catch(notUtf8)
    if (next === undefined) {
      line++
      return bad('is no UTF-8, here or a little further on')
    }
    if (next.done) break
    const text = next.value
    line++
    const record = check(text)
    if ('wrong' in record) return bad(`record ${seq + 1} ${record.wrong}`)
    if (record.prev !== prev) return bad(`record ${record.seq} does not follow record ${seq}`)
    if (record.seq !== seq + 1) {
      // A hole is only told from tampering by the gap that the gate wrote when it found it, and is bad all the same.
      const told = record.event === 'gap' && record.record.last === record.seq - 1
      return bad(
        told
          ? `records ${seq + 1} to ${record.seq - 1} are missing: the log was cut while the gate was down`
          : `record ${seq + 1} is missing`,
      )
    }
    // After an orderly end somebody has to have started again; a record that just follows was put there.
    if (stopped && record.event === undefined) return bad(`record ${record.seq} follows the end of a run`)
    stopped = record.event === 'stopped'
    if (record.event === 'gap' && notes.length < maxNotes)
      notes.push(`record ${record.seq}, ${record.time}: ${String(record.record.reason)}`)
    if (head && record.seq === head.seq) headMatches = record.hash === head.hash
    seq = record.seq
    prev = record.hash
  }
  line++
  // The first thing a gate does with a log is to write that it started.
  if (seq === 0) return bad('the log is empty')
  if (head && head.seq > seq) return bad(`the log ends at record ${seq}, but its head is record ${head.seq}`)
  if (!headMatches) return bad(`record ${head?.seq} is not the one that the head names`)
  return { records: seq, bad: undefined, notes, headSeen: head !== undefined }
}

function notUtf8(error: unknown): undefined {
  if (error instanceof TypeError) return undefined
  throw error
}
