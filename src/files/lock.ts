/**
 * One at a time: what reads a file, changes it and writes it back must not do so beside its like, or the one who
 * writes last undoes what the other was told had been done.
 */
import { randomBytes } from 'node:crypto'
import {
  closeSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'

const patienceMs = 5000
const retryMs = 20
/** A lock that is older was left by somebody who died; nothing done under it takes so long. */
const staleMs = 10_000

/** @throws Error if the lock is not to be had */
export async function whileLocked<T>(path: string, work: () => T | Promise<T>): Promise<T> {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const end = Date.now() + patienceMs
  let release = take(path)
  while (!release) {
    if (Date.now() > end) throw new Error(`${path} is being changed by somebody else (${lockOf(path)})`)
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

/** @returns what gives it back, or undefined if somebody else has it */
function take(path: string): (() => void) | undefined {
  const lock = lockOf(path)
  const mark = randomBytes(12).toString('hex')
  try {
    const file = openSync(lock, 'wx', 0o600)
    writeSync(file, mark)
    closeSync(file)
    return () => release(lock, mark)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    removeStale(lock, mark)
    return undefined
  }
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
  const since = statSync(lock, { throwIfNoEntry: false })?.mtimeMs
  return since !== undefined && Date.now() - since > staleMs
}
