/** A file that says which process serves; what starts services follows a process by it, when that leaves its work to another. */
import { readFileSync, rmSync } from 'node:fs'
import { replaceUnsyncedSync } from './atomic.ts'

/** Writes the file (mode 0600). @returns what removes it, unless it is another process's by then. @throws what `fs` throws */
export function writePidFile(path: string, pid: number): () => void {
  replaceUnsyncedSync(path, `${pid}\n`)
  return () => {
    if (pidIn(path) === pid) rmSync(path, { force: true })
  }
}

function pidIn(path: string): number | undefined {
  try {
    return Number(readFileSync(path, 'latin1'))
  } catch {
    return undefined
  }
}
