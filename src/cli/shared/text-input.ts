/** What `scan` and `mask` share: reading a file or stdin, whole or as JSON lines. */
import { createReadStream } from 'node:fs'
import type { Readable } from 'node:stream'
import { linesOf } from '../../files/lines.ts'
import { type Io, type Option, UsageError } from '../command.ts'

/** The option of commands that answer line by line. */
export const jsonlOption: Option = {
  flags: '--jsonl',
  description: 'read one JSON object with "text" per line, write one per line',
}

/** Opens a file, or stdin if it is absent or `-`. */
export function openInput(io: Io, file: string | undefined): Readable {
  return file === undefined || file === '-' ? io.input : createReadStream(file)
}

/** Reads a stream to its end, as UTF-8. */
export async function readAll(input: Readable): Promise<string> {
  const pieces: Buffer[] = []
  for await (const piece of input) pieces.push(Buffer.from(piece as Buffer))
  return Buffer.concat(pieces).toString('utf8')
}

/** Yields the texts of JSON lines, in constant memory. @throws UsageError for a line that is not an object with a text */
export async function* jsonLines(input: Readable): AsyncGenerator<{ text: string; channel?: unknown }> {
  let line = 0
  for await (const text of linesOf(input)) {
    line++
    if (text.trim() === '') continue
    let value: unknown
    try {
      value = JSON.parse(text)
    } catch {
      throw new UsageError(`Line ${line} is not JSON.`)
    }
    if (typeof value !== 'object' || value === null || !('text' in value) || typeof value.text !== 'string')
      throw new UsageError(`Line ${line} has no "text".`)
    yield value as { text: string; channel?: unknown }
  }
}
