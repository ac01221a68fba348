/**
 * One at a time: what reads a file, changes it and writes it back must not do so beside its like, or the one who
 * writes last undoes what the other was told had been done.
 */
import { randomBytes } from 'node:crypto'
import {
  closeSync,
  linkSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { makeFolder } from './folder.ts'

const patienceMs = 5000
const retryMs = 20
/** A lock that is older was left by somebody who died; nothing done under it takes so long. */
const staleMs = 10_000
/** An empty one says nobody's name: its owner died, or its disk was full, between making and naming it. */
const namelessMs = 500

export class FileBusy extends Error {
  override readonly name = 'FileBusy'
}

/** @throws FileBusy if the lock is not to be had, and what `fs` throws */
export async function whileLocked<T>(path: string, work: () => T | Promise<T>): Promise<T> {
  makeFolder(dirname(path))
  const end = Date.now() + patienceMs
  let release = take(path)
  while (!release) {
    if (Date.now() > end) throw new FileBusy(`${path} is being changed by another process; try again`)
    await new Promise((resolve) => setTimeout(resolve, retryMs))
    release = take(path)
  }
  try {
    return await work()
  } finally {
    release()
  }
}

/** The same without waiting, in a folder that is there. @returns false if somebody else is at it, and nothing was done */
export function unlessLocked(path: string, work: () => void): boolean {
  const release = take(path)
  if (!release) return false
  try {
    work()
    return true
  } finally {
    release()
  }
}

function lockOf(path: string): string {
  return `${path}.lock`
}

/**
 * @returns what gives it back, or undefined if somebody else has it
 * @throws what `fs` throws, a full disk's too; then no lock is left
 */
function take(path: string): (() => void) | undefined {
  const lock = lockOf(path)
  const mark = randomBytes(12).toString('hex')
  let file: number
  try {
    file = openSync(lock, 'wx', 0o600)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    removeStale(lock, mark)
    return undefined
  }
  try {
    writeFileSync(file, mark)
  } catch (error) {
    rmSync(lock, { force: true })
    throw error
  } finally {
    closeSync(file)
  }
  return () => release(lock, mark)
}

/** Not what somebody else has taken, who thought that this one had died. */
function release(lock: string, mark: string): void {
  try {
    if (readFileSync(lock, 'utf8') === mark) rmSync(lock)
  } catch {
    // gone already
  }
}

/** Of several who find the same old lock only one gets it aside; whoever got a fresh one instead puts it back. */
function removeStale(lock: string, mark: string): void {
  if (!isStale(lock)) return
  const aside = `${lock}.${mark}`
  try {
    renameSync(lock, aside)
    if (!isStale(aside)) linkSync(aside, lock)
  } catch {
    // Somebody else was faster.
  }
  rmSync(aside, { force: true })
}

function isStale(lock: string): boolean {
  const state = statSync(lock, { throwIfNoEntry: false })
  // One from the future would otherwise stand until its time has come.
  return (
    state !== undefined && Math.abs(Date.now() - state.mtimeMs) > (state.size === 0 ? namelessMs : staleMs)
  )
}
