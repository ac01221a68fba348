/**
 * Replacing a closed segment, by its compressed form or by one from which something was erased. The new file is whole
 * and on the disk before it takes the name of the old one; whoever reads the old one meanwhile reads it to its end.
 */
import { createWriteStream } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { linesOf } from '../../files/lines.ts'
import { bytesOf, type Segment } from '../write/segments.ts'

/** A step after which a crash must do no harm; tests stop there. */
export type Step = (name: string) => void

/** How the work goes, and whether it should. Cut off, it leaves everything as it was. */
export interface Doing {
  readonly step: Step
  readonly signal: AbortSignal
}

/** Puts `FILE.N.gz` in the place of `FILE.N`. */
export async function compressSegment({ path }: Segment, { step, signal }: Doing): Promise<void> {
  const target = `${path}.gz`
  await replace(target, true, bytesOf({ path, first: undefined, compressed: false }), signal)
  step('compressed')
  await rm(path)
  await syncFolder(path)
}

/**
 * Replaces a segment by its changed lines.
 * @param change the line that stands in the place of this one (both without newline)
 */
export async function rewriteSegment(
  segment: Segment,
  change: (line: string) => string,
  { signal }: Pick<Doing, 'signal'>,
): Promise<void> {
  async function* changed() {
    // Several lines a piece: a stream's piece costs more than a line.
    let held = ''
    for await (const line of linesOf(bytesOf(segment))) {
      held += `${change(line)}\n`
      if (held.length < pieceLength) continue
      yield Buffer.from(held)
      held = ''
    }
    yield Buffer.from(held)
  }
  await replace(segment.path, segment.compressed, Readable.from(changed(), { objectMode: false }), signal)
}

const pieceLength = 64 * 1024

async function replace(
  target: string,
  compress: boolean,
  text: Readable,
  signal: AbortSignal,
): Promise<void> {
  const temporary = `${target}.tmp`
  const file = createWriteStream(temporary, { mode: 0o600, flush: true })
  try {
    if (compress) await pipeline(text, createGzip(), file, { signal })
    else await pipeline(text, file, { signal })
    await rename(temporary, target)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
  await syncFolder(target)
}

/** Syncs the folder of a file: without it a crash of the machine could bring the old name back. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(dirname(path), 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
