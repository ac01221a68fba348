/**
 * One change at a time: what reads a file, changes it and writes it back must not do so beside its like, or whoever
 * writes last undoes what the other was told had been done.
 */
import { rmSync, type Stats, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { randomHex } from '../core/random.ts'
import { makeFolder } from './folder.ts'
import { lockPath, makeLock, readLock, removeLock } from './lock-file.ts'
import { textOf } from './state.ts'

const patienceMs = 5000
const retryMs = 20
/** A lock that is older was left by a process that died; nothing done under it takes so long. */
const staleMs = 10_000
/** The same of an empty one, which only a process leaves that died, or had no room, while it made it. */
const namelessMs = 500

/** Another process keeps changing the file. */
export class FileBusy extends Error {
  override readonly name = 'FileBusy'
}

/**
 * Runs `work` while nobody else changes the file, whose folder is made if it is not there.
 * @throws FileBusy if the lock is not to be had in five seconds, and what `fs` or `work` throws
 */
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

/**
 * Runs `work` at once unless the file is being changed. The folder must be there.
 * @returns false if it is being changed, and nothing was done. @throws what `fs` or `work` throws
 */
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

/** @returns what gives it back, or undefined if another process has it. @throws what `fs` throws */
function take(file: string): (() => void) | undefined {
  const path = lockPath(file)
  const mark = randomHex(12)
  if (makeLock(path, mark)) return () => release(path, mark)
  // Not read: it may be another user's.
  const found = statSync(path, { throwIfNoEntry: false })
  if (found && isStale(found)) removeLock(path, textOf(found))
  return undefined
}

/** Not what another process has taken, which thought that this one had died. */
function release(path: string, mark: string): void {
  try {
    if (readLock(path)?.text === mark) rmSync(path)
  } catch {
    // It is gone, or cannot be looked at: then it runs out.
  }
}

function isStale({ size, mtimeMs }: Stats): boolean {
  // One from the future would otherwise stand until its time has come.
  return Math.abs(Date.now() - mtimeMs) > (size === 0 ? namelessMs : staleMs)
}
