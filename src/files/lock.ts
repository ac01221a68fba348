/**
 * One at a time: what reads a file, changes it and writes it back must not do so beside its like, or the one who
 * writes last undoes what the other was told had been done.
 */
import { closeSync, mkdirSync, openSync, rmSync, statSync } from 'node:fs'
import { dirname } from 'node:path'

const patienceMs = 5000
const retryMs = 20
/** A lock that is older was left by somebody who died; nothing done under it takes so long. */
const staleMs = 10_000

/** @throws Error if the lock is not to be had */
export async function whileLocked<T>(path: string, work: () => T): Promise<T> {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const lock = `${path}.lock`
  const end = Date.now() + patienceMs
  while (!take(lock)) {
    if (Date.now() > end) throw new Error(`${path} is being changed by somebody else (${lock})`)
    await new Promise((resolve) => setTimeout(resolve, retryMs))
  }
  try {
    return work()
  } finally {
    rmSync(lock, { force: true })
  }
}

/** The same without waiting, in a folder that is there. @returns false if somebody else is at it, and nothing was done */
export function unlessLocked(path: string, work: () => void): boolean {
  const lock = `${path}.lock`
  if (!take(lock)) return false
  try {
    work()
    return true
  } finally {
    rmSync(lock, { force: true })
  }
}

function take(lock: string): boolean {
  try {
    closeSync(openSync(lock, 'wx', 0o600))
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    const since = statSync(lock, { throwIfNoEntry: false })?.mtimeMs
    if (since !== undefined && Date.now() - since > staleMs) rmSync(lock, { force: true })
    return false
  }
}
