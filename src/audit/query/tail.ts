/**
 * The end of a log as the last process left it: its last whole record, and whatever stands torn behind it.
 */
import { createHash } from 'node:crypto'
import { closeSync, existsSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { type Checked, check, type Wrong } from '../write/chain.ts'
import { closedSegments, type Segment } from '../write/segments.ts'

/** The end of a segment. */
export interface Tail {
  /** Bytes up to and with the last newline. */
  readonly length: number
  /** The last record; undefined in an empty log. */
  readonly last: Checked | Wrong | undefined
  /** What a crash left of a line that was never whole. */
  readonly torn: { readonly bytes: number; readonly sha256: string } | undefined
}

const block = 64 * 1024
const newline = 0x0a

/** Reads backwards from the end of an open file, no further than the last whole line begins. */
export function readTail(file: number): Tail {
  let from = fstatSync(file).size
  let held = Buffer.alloc(0)
  let lineEnd = -1
  let lineStart = -1
  while (lineStart === -1 && from > 0) {
    const piece = Buffer.alloc(Math.min(block, from))
    from -= piece.length
    readSync(file, piece, 0, piece.length, from)
    held = Buffer.concat([piece, held])
    lineEnd = held.lastIndexOf(newline)
    if (lineEnd === -1) continue
    const before = held.subarray(0, lineEnd).lastIndexOf(newline)
    if (before !== -1 || from === 0) lineStart = before + 1
  }
  const rest = held.subarray(lineEnd + 1)
  return {
    length: lineEnd === -1 ? 0 : from + lineEnd + 1,
    last: lineStart === -1 ? undefined : check(held.subarray(lineStart, lineEnd)),
    torn:
      rest.length === 0
        ? undefined
        : { bytes: rest.length, sha256: createHash('sha256').update(rest).digest('hex') },
  }
}

/** Reads the first line of an open file. */
export function readFirst(file: number): Checked | Wrong | undefined {
  let held = Buffer.alloc(0)
  for (;;) {
    const piece = Buffer.alloc(block)
    const read = readSync(file, piece, 0, block, held.length)
    if (read === 0) return undefined
    held = Buffer.concat([held, piece.subarray(0, read)])
    const end = held.indexOf(newline)
    if (end !== -1) return check(held.subarray(0, end))
  }
}

/**
 * Reads the last record of the newest closed segment: where the chain ends if the active one has just been
 * opened.
 */
export function lastClosed(file: string): Tail['last'] {
  const newest = closedSegments(file).at(-1)
  if (!newest) return undefined
  if (!newest.compressed) {
    const handle = openSync(newest.path, 'r')
    try {
      return readTail(handle).last
    } finally {
      closeSync(handle)
    }
  }
  const bytes = contentsOf(newest)
  const before = bytes.subarray(0, -1).lastIndexOf(newline)
  return check(bytes.subarray(before + 1, -1))
}

/** Whether the last writer said that it stops, or there was none. */
export function endedInOrder(file: string): boolean {
  const last = lastActive(file) ?? lastClosed(file)
  if (last === undefined) return !existsSync(`${file}.head`)
  return !('wrong' in last) && last.event === 'stopped'
}

function lastActive(file: string): Tail['last'] {
  if (!existsSync(file)) return undefined
  const handle = openSync(file, 'r')
  try {
    return readTail(handle).last
  } finally {
    closeSync(handle)
  }
}

/** A head lags by a quarter of a second, which is less than this much of a log. */
const searched = 64 * 1024 * 1024

/** Finds the hash that the record with this number carries, if it stands near the end of the log. */
export function hashOf(file: string, handle: number, length: number, seq: number): string | undefined {
  const from = Math.max(0, length - searched)
  const bytes = Buffer.alloc(length - from)
  readSync(handle, bytes, 0, bytes.length, from)
  const found = hashIn(bytes, seq)
  if (found !== undefined) return found
  const older = closedSegments(file).findLast(({ first = 0 }) => first <= seq)
  return older && hashIn(contentsOf(older), seq)
}

function hashIn(bytes: Buffer, seq: number): string | undefined {
  const opening = `{"seq":${seq},`
  const at = bytes.lastIndexOf(`\n${opening}`) + 1
  if (!bytes.subarray(at, at + opening.length).equals(Buffer.from(opening))) return undefined
  const record = check(bytes.subarray(at, bytes.indexOf(newline, at)))
  return 'wrong' in record ? undefined : record.hash
}

/** Whole: only where a crash or a hand left the log so that its end stands in a closed segment. */
function contentsOf({ path, compressed }: Segment): Buffer {
  const bytes = readFileSync(path)
  return compressed ? gunzipSync(bytes) : bytes
}
