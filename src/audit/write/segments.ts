/**
 * The files of one log. The active segment is always `FILE`; a closed one is named by the number of its first record,
 * `FILE.000000000042`, and `….gz` once it is compressed. In this order they are one chain.
 */
import { createReadStream, existsSync, openSync, readdirSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { pipeline, type Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { errorCode } from '../../core/error-code.ts'
import { linesOf } from '../../files/lines.ts'
import { type Checked, check, type Wrong } from './chain.ts'

/** A file of a log. */
export interface Segment {
  readonly path: string
  /** Number of its first record, as its name says it; undefined for the active one, whose name does not. */
  readonly first: number | undefined
  readonly compressed: boolean
}

/** Names the closed segment that begins with this record. */
export function closedPath(file: string, first: number): string {
  return `${file}.${String(first).padStart(12, '0')}`
}

const piece = 256 * 1024
const ending = /^(\d{12,})(\.gz)?$/

/**
 * Lists the closed segments, oldest first. Where a segment is there twice, its compressing was interrupted, and
 * the plain one holds.
 */
export function closedSegments(file: string): Segment[] {
  const folder = dirname(file)
  const stem = `${basename(file)}.`
  const found = new Map<number, Segment>()
  for (const name of existsSync(folder) ? readdirSync(folder) : []) {
    const match = name.startsWith(stem) ? ending.exec(name.slice(stem.length)) : null
    if (!match) continue
    const first = Number(match[1])
    const compressed = match[2] !== undefined
    if (!compressed || !found.has(first)) found.set(first, { path: join(folder, name), first, compressed })
  }
  return [...found.values()].toSorted((a, b) => (a.first ?? 0) - (b.first ?? 0))
}

/** Lists all segments, the active one last. */
export function segmentsOf(file: string): Segment[] {
  const active = existsSync(file) ? [{ path: file, first: undefined, compressed: false }] : []
  return [...closedSegments(file), ...active]
}

/**
 * Streams the text of a segment as bytes; what goes wrong with its file ends the stream.
 * @throws what `fs` throws if it is gone
 */
export function bytesOf(segment: Segment): Readable {
  const { handle, compressed } = opened(segment)
  const stream = createReadStream('', { fd: handle, highWaterMark: piece })
  if (!compressed) return stream
  const unpacked = createGunzip({ chunkSize: piece })
  pipeline(stream, unpacked, () => {})
  return unpacked
}

/** One that was compressed since it was found is there under its other name. */
function opened({ path, first, compressed }: Segment): { handle: number; compressed: boolean } {
  try {
    return { handle: openSync(path, 'r'), compressed }
  } catch (error) {
    if (errorCode(error) !== 'ENOENT' || compressed || first === undefined) throw error
    return { handle: openSync(`${path}.gz`, 'r'), compressed: true }
  }
}

/** Reads the first line of a segment; undefined if it has none. */
export async function firstRecord(segment: Segment): Promise<Checked | Wrong | undefined> {
  for await (const line of linesOf(bytesOf(segment))) return check(line)
  return undefined
}
