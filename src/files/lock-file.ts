/**
 * A file that says who holds a lock: made whole or not at all, read as it is now, and removed only as it was judged. Node
 * has no `flock`; what a lock's holder must do, and when a lock counts as left behind, say those who use this.
 */
import {
  closeSync,
  constants,
  copyFileSync,
  fstatSync,
  linkSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { errorCode } from '../core/error-code.ts'
import { randomHex } from '../core/random.ts'
import { stateOf, textOf } from './state.ts'

/** A lock file as it was at one moment. */
export interface LockState {
  /** What its holder wrote. */
  readonly text: string
  /** Changes whenever the holder touches it; see `state.ts`. */
  readonly state: string
}

/** Names the lock of a file. */
export function lockPath(file: string): string {
  return `${file}.lock`
}

/**
 * Reads a lock. The file is opened for each look: only that asks a network file system for what is there now.
 * @returns undefined if there is none. @throws what `fs` throws
 */
export function readLock(path: string): LockState | undefined {
  let handle: number
  try {
    handle = openSync(path, 'r')
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
  try {
    return { text: readFileSync(handle, 'utf8'), state: textOf(fstatSync(handle)) }
  } finally {
    closeSync(handle)
  }
}

/**
 * Makes a lock (mode 0600).
 * @returns false if there is one. @throws what `fs` throws, a full disk's too; then no lock is left
 */
export function makeLock(path: string, text: string): boolean {
  const fresh = `${path}.${randomHex(6)}`
  try {
    writeFileSync(fresh, text, { mode: 0o600, flag: 'wx' })
    return place(fresh, path)
  } finally {
    rmSync(fresh, { force: true })
  }
}

/**
 * Removes a lock, if it still is as it was judged: of several who find the same old lock only one gets it aside, and
 * whoever got one that was made or touched since puts it back.
 * @param judged its state (`state.ts`); empty: there was none
 * @returns whether none is left. @throws what `fs` throws
 */
export function removeLock(path: string, judged: string): boolean {
  if (judged === '') return true
  const aside = `${path}.${randomHex(6)}`
  try {
    renameSync(path, aside)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return true
    throw error
  }
  const isJudged = stateOf(aside) === judged
  if (!isJudged) place(aside, path)
  rmSync(aside, { force: true })
  return isJudged
}

/** As file systems say that they have no hard links. */
const withoutLinks: ReadonlySet<string> = new Set(['EPERM', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP', 'EMLINK'])

/** Gives a file a further name, whole. @returns false if there is a file of that name */
function place(from: string, path: string): boolean {
  try {
    linkSync(from, path)
    return true
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false
    if (!withoutLinks.has(errorCode(error))) throw error
  }
  try {
    copyFileSync(from, path, constants.COPYFILE_EXCL)
    return true
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false
    throw error
  }
}
