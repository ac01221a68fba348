/**
 * Reads a log in the order of its records, over all its segments, whole lines only, in constant memory; and goes on
 * with what is written meanwhile, over rotations, if it is to follow. Judges nothing: that is what `verify` is for.
 */
import { type FileHandle, open, stat } from 'node:fs/promises'
import { errorCode } from '../../core/error-code.ts'
import { linesOf } from '../../files/lines.ts'
import { beginningAt } from '../verify/since.ts'
import { bytesOf, closedSegments, type Segment, segmentsOf } from '../write/segments.ts'

/** Which part of a log is read, and whether its end is waited at. */
export interface ReadOptions {
  /** Begins behind this record. */
  readonly afterSeq?: number
  /** Begins with the segment that was written then. */
  readonly sinceMs?: number
  /** At the end of the log: resolves to true when it is worth looking again, to false to end. Absent: ends there. */
  wait?(): Promise<boolean>
}

const piece = 256 * 1024
const newline = 0x0a

/** Reads the number of a record from its line; NaN if it has none. */
export function seqOf(line: string): number {
  return Number(/^\{"seq":(\d{1,15}),/.exec(line)?.[1] ?? Number.NaN)
}

/** Reads the lines of a log, over all its segments. @throws what `fs` throws */
export async function* readLog(file: string, options: ReadOptions = {}): AsyncGenerator<string> {
  let { afterSeq: last = 0 } = options
  if (options.sinceMs !== undefined) {
    const [first] = await beginningAt(segmentsOf(file), options.sinceMs)
    if (first?.first !== undefined) last = Math.max(last, first.first - 1)
    else if (first) last = Math.max(last, (await firstSeqOf(first)) - 1)
  }
  const isNew = (line: string) => {
    const seq = seqOf(line)
    if (!(seq > last)) return false
    last = seq
    return true
  }
  for (;;) {
    const closed = closedSegments(file)
    const from = closed.findLastIndex(({ first = 0 }) => first <= last + 1)
    for (const segment of closed.slice(Math.max(from, 0)))
      for await (const line of closedLines(segment)) if (isNew(line)) yield line
    const active = await open(file, 'r').catch(ifGone)
    // If one was closed meanwhile, this one does not follow what was read.
    if (closedSegments(file).at(-1)?.first !== closed.at(-1)?.first) {
      await active?.close()
      continue
    }
    if (active) {
      try {
        for await (const line of activeLines(file, active, options.wait)) if (isNew(line)) yield line
        if (!(options.wait && (await isReplaced(file, active)))) return
      } finally {
        await active.close()
      }
    } else if (!(await options.wait?.())) return
  }
}

async function firstSeqOf(segment: Segment): Promise<number> {
  for await (const line of linesOf(bytesOf(segment))) return seqOf(line) || 1
  return 1
}

/** Of one that was deleted just now there is nothing to read. */
async function* closedLines(segment: Segment): AsyncGenerator<string> {
  try {
    yield* linesOf(bytesOf(segment))
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error
  }
}

/** Until the file is another segment's, or there is nothing more to wait for. */
async function* activeLines(
  file: string,
  handle: FileHandle,
  wait: ReadOptions['wait'],
): AsyncGenerator<string> {
  let rest = Buffer.alloc(0)
  for (;;) {
    // Asked before the last reading: what was written before it was closed is not missed.
    const replaced = await isReplaced(file, handle)
    for (;;) {
      const { bytesRead, buffer } = await handle.read(Buffer.alloc(piece), 0, piece, null)
      if (bytesRead === 0) break
      rest = Buffer.concat([rest, buffer.subarray(0, bytesRead)])
      const end = rest.lastIndexOf(newline)
      if (end === -1) continue
      yield* rest.subarray(0, end).toString('utf8').split('\n')
      rest = rest.subarray(end + 1)
    }
    if (replaced || !(await wait?.())) return
  }
}

async function isReplaced(file: string, handle: FileHandle): Promise<boolean> {
  const [named, opened] = await Promise.all([stat(file).catch(ifGone), handle.stat()])
  return named?.ino !== opened.ino
}

function ifGone(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
}
