/**
 * The end of a log as the last process left it: its last whole record, and whatever stands torn behind it.
 */
import { createHash } from 'node:crypto'
import { fstatSync, readSync } from 'node:fs'
import { type Checked, check } from './chain.ts'

export interface Tail {
  /** Bytes up to and with the last newline. */
  readonly length: number
  /** The last record; undefined in an empty log. */
  readonly last: Checked | { readonly wrong: string } | undefined
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
    last: lineStart === -1 ? undefined : check(held.subarray(lineStart, lineEnd).toString('utf8')),
    torn:
      rest.length === 0
        ? undefined
        : { bytes: rest.length, sha256: createHash('sha256').update(rest).digest('hex') },
  }
}

/** A head lags by a quarter of a second, which is less than this much of a log. */
const searched = 64 * 1024 * 1024

/** The hash that the record with this number carries, if it stands near the end of the log. */
export function hashOf(file: number, length: number, seq: number): string | undefined {
  const from = Math.max(0, length - searched)
  const bytes = Buffer.alloc(length - from)
  readSync(file, bytes, 0, bytes.length, from)
  const opening = `{"seq":${seq},`
  const at = bytes.lastIndexOf(`\n${opening}`) + 1
  if (!bytes.subarray(at, at + opening.length).equals(Buffer.from(opening))) return undefined
  const record = check(bytes.subarray(at, bytes.indexOf(newline, at)).toString('utf8'))
  return 'wrong' in record ? undefined : record.hash
}
