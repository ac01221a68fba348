/**
 * Copies a log while it is written: its closed segments, and of the active one all whole lines that were there. What a gateway
 * closes, compresses or erases meanwhile makes a copy stumble; then it is made again, which the caller sees by verifying.
 */
import { type FileHandle, open, stat } from 'node:fs/promises'
import { closedSegments } from '../audit/write/segments.ts'
import { errorCode } from '../core/error-code.ts'

/** A file of a log, as it was at one moment. */
export interface LogFile {
  /** Where it belongs. */
  readonly path: string
  /** Open, so that it stays what it is, whatever happens to its name. */
  readonly handle: FileHandle
  /** How much of it. */
  readonly bytes: number
  readonly mode: number
}

const block = 64 * 1024
const newline = 0x0a
const maxTries = 10
/** A year of segments, several a day. */
const maxSegments = 20_000

/**
 * Opens the files of one chain, as they are at one moment.
 * @returns the head first: it is older than what it is held against
 * @throws Error if the chain changes whenever it is looked at, and what `fs` throws
 */
export async function openChain(file: string): Promise<readonly LogFile[]> {
  for (let left = maxTries; left > 0; left--) {
    const files: LogFile[] = []
    try {
      const before = namesOf(file)
      const head = await openWhole(`${file}.head`)
      if (head) files.push(head)
      const active = await openWhole(file)
      const segments = closedSegments(file)
      if (segments.length > maxSegments) throw new Error(`${file} has more than ${maxSegments} segments`)
      for (const { path } of segments) {
        const segment = await openWhole(path)
        if (segment) files.push(segment)
      }
      if (active) files.push({ ...active, bytes: await wholeLines(active) })
      const isStill = !active || (await inodeOf(file)) === (await active.handle.stat()).ino
      const isComplete = files.length === segments.length + (head ? 1 : 0) + (active ? 1 : 0)
      if (isStill && isComplete && before === namesOf(file)) return files
    } catch (error) {
      await closeAll(files)
      throw error
    }
    await closeAll(files)
  }
  throw new Error(`${file} is being changed all the time; try again`)
}

/** Closes what `openChain` opened. */
export async function closeAll(files: readonly LogFile[]): Promise<void> {
  for (const { handle } of files) await handle.close()
}

/** @returns undefined if there is no such file */
async function openWhole(path: string): Promise<LogFile | undefined> {
  try {
    const handle = await open(path, 'r')
    const { size, mode } = await handle.stat()
    return { path, handle, bytes: size, mode: mode & 0o777 }
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error
    return undefined
  }
}

/** Bytes up to the last newline: the line behind it may still be written. */
async function wholeLines({ handle, bytes }: LogFile): Promise<number> {
  const piece = Buffer.alloc(block)
  for (let end = bytes; end > 0; ) {
    const from = Math.max(0, end - block)
    const { bytesRead } = await handle.read(piece, 0, end - from, from)
    const at = piece.subarray(0, bytesRead).lastIndexOf(newline)
    if (at !== -1) return from + at + 1
    end = from
  }
  return 0
}

const namesOf = (file: string) =>
  closedSegments(file)
    .map(({ path }) => path)
    .join('\n')

async function inodeOf(path: string): Promise<number | undefined> {
  return (await stat(path).catch(() => undefined))?.ino
}
