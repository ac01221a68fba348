/**
 * The active segment and its name. A log that was deleted, renamed, replaced or cut under a running gate still takes
 * every write, and nobody finds a word of it: so the name is held against the open file (`faultOf`), and what is gone is
 * made anew (`retake`).
 */
import {
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
} from 'node:fs'
import type { Clock } from '../../core/clock.ts'
import { readFirst } from '../query/tail.ts'
import type { Head } from './chain.ts'
import { type Resumption, resumeLog } from './resume.ts'
import { closedPath } from './segments.ts'

const dayMs = 86_400_000

/** An active segment as its writer knows it. */
export interface Active {
  readonly file: string
  readonly handle: number
  /** Which file it is, whatever it is called. */
  readonly inode: Pick<Stats, 'ino' | 'dev'>
  /** Bytes that were written. */
  readonly length: number
  /** Number of its first record. */
  readonly first: number
}

/**
 * Looks whether the name still is that of the open file.
 * @returns what is wrong, if the name is not that of the file, with all of it
 */
export function faultOf({ file, inode, length }: Active): string | undefined {
  const named = statSync(file, { throwIfNoEntry: false })
  if (!named) return 'the log was deleted or renamed'
  if (!isSame(named, inode)) return 'the log was replaced by another file'
  if (named.size < length) return 'the log was truncated'
  return named.size > length ? 'another process wrote to the log' : undefined
}

/**
 * Takes back a write that failed: half a line must not stay, nor a record that does not count. What another
 * program wrote stays, to be told.
 */
export function takeBack({ handle, length }: Active, bytes: Buffer): void {
  const { size } = fstatSync(handle)
  const end = Buffer.alloc(Math.min(bytes.length, size))
  readSync(handle, end, 0, end.length, size - end.length)
  // Wherever it came to stand: in a file that was cut, at its beginning.
  if (end.equals(bytes)) ftruncateSync(handle, size - bytes.length)
  else if (size > length && size < length + bytes.length) ftruncateSync(handle, length)
}

/** A log that was taken up again. */
export interface Retaken extends Resumption {
  readonly handle: number
  /** The closed segment that holds what the file held which lost its name. */
  readonly restored?: string
}

/**
 * Takes the log up where its name now leads, making it anew where it leads nowhere.
 * @param head where the chain stands
 * @throws what `fs` throws; then nothing was changed that another try could not go on from
 */
export function retake(active: Active, head: Head): Retaken {
  const { file, handle, inode } = active
  const named = statSync(file, { throwIfNoEntry: false })
  if (named && isSame(named, inode)) return { ...resumeLog(file, handle, head), handle }
  const restored = restore(active)
  // Somebody's file: it is not ours to delete.
  if (named && named.size > 0) renameSync(file, `${file}.found-${head.seq}`)
  const fresh = openFresh(file)
  try {
    renameSync(`${file}.next`, file)
    if (restored !== undefined) return { handle: fresh, restored, head, length: 0, atMs: 0, events: [] }
    return { ...resumeLog(file, fresh, head), handle: fresh }
  } catch (error) {
    closeSync(fresh)
    throw error
  }
}

/**
 * Gives a file that lost its name one as a closed segment. By a copy: a file without any name cannot be named again, and
 * one that was renamed is now somebody else's. @returns undefined if it cannot be had whole
 */
function restore({ file, handle, length, first }: Active): string | undefined {
  const path = closedPath(file, first)
  if (length === 0 || fstatSync(handle).size !== length || isTaken(path)) return undefined
  const copy = `${path}.tmp`
  try {
    // Never through a link that somebody else has put there.
    rmSync(copy, { force: true })
    copyFileSync(`/proc/self/fd/${handle}`, copy, constants.COPYFILE_EXCL)
    if (statSync(copy).size !== length) throw new Error('the copy is incomplete')
    renameSync(copy, path)
    return path
  } catch {
    // No /proc, or no room: then the records are missing, and the log says which.
    rmSync(copy, { force: true })
    return undefined
  }
}

/** Puts the file aside and an empty one in its place. @returns its handle. @throws what `fs` throws, with all as it was */
export function changePlaces(file: string, aside: string): number {
  if (isTaken(aside)) throw new Error(`${aside} already exists`)
  const handle = openFresh(file)
  try {
    renameSync(file, aside)
    try {
      renameSync(`${file}.next`, file)
    } catch (error) {
      renameSync(aside, file)
      throw error
    }
  } catch (error) {
    closeSync(handle)
    throw error
  }
  return handle
}

/** What becomes the active segment by its next name. */
function openFresh(file: string): number {
  const fresh = `${file}.next`
  rmSync(fresh, { force: true })
  return openSync(fresh, 'ax+', 0o600)
}

function isTaken(closed: string): boolean {
  return existsSync(closed) || existsSync(`${closed}.gz`)
}

function isSame(a: Active['inode'], b: Active['inode']): boolean {
  return a.ino === b.ino && a.dev === b.dev
}

/** Describes the open segment; it begins as its first record says, or with the record after `head`. */
export function activeAt(file: string, handle: number, length: number, head: Head): Active {
  const opening = length === 0 ? undefined : readFirst(handle)
  const first = !opening || 'wrong' in opening ? head.seq + 1 : opening.seq
  return { file, handle, inode: fstatSync(handle), length, first }
}

/** Tells on which day (UTC, since the epoch) a segment was begun. */
export function dayOf(handle: number, clock: Clock): number {
  const opening = readFirst(handle)
  const day = opening && 'time' in opening ? Math.floor(Date.parse(opening.time ?? '') / dayMs) : Number.NaN
  return Number.isNaN(day) ? today(clock) : day
}

/** Tells which day it is (UTC, since the epoch). */
export function today(clock: Clock): number {
  return Math.floor(clock.wallMs() / dayMs)
}
