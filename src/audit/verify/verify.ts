/**
 * Walks a log from its first record to its last, over all its segments, and holds it against its head, its signed
 * checkpoints, and one that somebody kept elsewhere. Constant memory.
 *
 * Whoever can write the log, its head and its key can write all of it anew; only a checkpoint (or a public key) that
 * was kept elsewhere shows that.
 */
import type { KeyObject } from 'node:crypto'
import { statSync } from 'node:fs'
import { rawLinesOf } from '../../files/lines.ts'
import type { LinePosition } from '../erase/deletions.ts'
import type { Head } from '../write/chain.ts'
import { readHead } from '../write/head.ts'
import { bytesOf, segmentsOf } from '../write/segments.ts'
import { createChainVerifier } from './chain-verifier.ts'
import { beginningAt } from './since.ts'

/** What a log is verified against; all of it may be left out. */
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

/** Where a log is broken, and how. */
export interface Bad extends LinePosition {
  readonly why: string
}

/** The outcome of a verification. */
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
const maxWalks = 10

/**
 * Verifies a log. A gate that closes, compresses or rewrites a segment meanwhile makes the walk stumble; then it is done again.
 * @throws what `fs` throws if the log cannot be read
 */
export async function verifyLog(file: string, options: VerifyOptions = {}): Promise<Verdict> {
  for (let left = maxWalks; ; left--) {
    const before = filesOf(file)
    const changed = () => left > 1 && filesOf(file) !== before
    try {
      const verdict = await verifyOnce(file, options)
      if (!verdict.bad || !changed()) return verdict
    } catch (error) {
      if (!changed()) throw error
    }
  }
}

/** Which files the log is made of, whatever is written into the last one. */
function filesOf(file: string): string {
  const files = segmentsOf(file).map(
    ({ path }) => `${path} ${statSync(path, { throwIfNoEntry: false })?.ino}`,
  )
  return files.join('\n')
}

async function verifyOnce(file: string, options: VerifyOptions): Promise<Verdict> {
  const { keys, checkpoint, onProgress = () => {} } = options
  // Read before the log: records written meanwhile are newer than it, which is fine.
  const head = readHead(file)
  const notes: string[] = []
  const all = segmentsOf(file)
  const segments = options.sinceMs === undefined ? all : await beginningAt(all, options.sinceMs)
  const verifier = createChainVerifier({
    keys,
    partial: segments.length < all.length,
    expected: [
      ...(head ? [{ ...head, by: 'head' }] : []),
      ...(checkpoint ? [{ ...checkpoint, by: 'checkpoint' }] : []),
    ],
    note(text) {
      if (notes.length < maxNotes) notes.push(text)
    },
  })
  const verdict = (why?: string, { file: at, line } = verifier.place): Verdict => ({
    records: verifier.records,
    bad: why === undefined ? undefined : { file: at, line, why },
    notes,
    headSeen: head !== undefined,
    ...(keys ? { signedTo: verifier.signedTo } : {}),
  })

  for (const { path, first, ...segment } of segments) {
    verifier.segment(path, first)
    const pieces = rawLinesOf(bytesOf({ path, first, ...segment }))
    for (;;) {
      const next = await pieces.next().catch(asFault)
      if ('fault' in next) return verdict(next.fault)
      if (next.done) break
      for (const line of next.value) {
        const found = verifier.take(line)
        const fault = found instanceof Promise ? await found : found
        if (fault !== undefined) return verdict(fault)
      }
      onProgress(verifier.records)
    }
  }
  // The first thing a gate does with a log is to write that it started.
  if (verifier.records === 0) return verdict('the log is empty')
  for (const [by, expected] of [['head', head] as const, ['checkpoint', checkpoint] as const]) {
    if (expected === undefined || expected.seq === 0 || verifier.passed(expected.seq)) continue
    if (expected.seq > verifier.last)
      return verdict(`the log ends at record ${verifier.last}, but its ${by} is record ${expected.seq}`)
    notes.push(`record ${expected.seq}, which the ${by} names, is older than the records that were checked`)
  }
  const owed = verifier.end()
  return owed ? verdict(owed.why, owed.at) : verdict()
}

function asFault(error: unknown): { readonly fault: string } {
  if (error instanceof RangeError) return { fault: error.message }
  const { code = '' } = error as NodeJS.ErrnoException
  if (code.startsWith('Z_')) return { fault: 'cannot be decompressed at or shortly after this line' }
  throw error
}
