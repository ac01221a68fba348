/** Watches the memory of a process and all below it, where nothing else bounds their sum. */
import { readdirSync, readFileSync } from 'node:fs'

const intervalMs = 100
/** More than a confined command may have, with what confines it. */
const maxVisited = 200

/**
 * Calls `exceeded` once when the processes below one hold more than a number of bytes.
 * @returns what ends the watch
 */
export function watchMemory(pid: number, bytes: number, exceeded: () => void): () => void {
  const timer = setInterval(() => {
    if (memoryOf(pid) <= bytes) return
    clearInterval(timer)
    exceeded()
  }, intervalMs)
  return () => clearInterval(timer)
}

/** Returns the bytes that only these processes hold; pages that they share after a fork count for each. */
function memoryOf(pid: number): number {
  const found = [pid]
  let bytes = 0
  for (const each of found) {
    bytes += ownMemory(each)
    if (found.length < maxVisited) found.push(...childrenOf(each))
  }
  return bytes
}

function ownMemory(pid: number): number {
  const status = readOrNothing(`/proc/${pid}/status`)
  const parts = [...status.matchAll(/^Rss(?:Anon|Shmem):\s+(\d+) kB$/gm)]
  return parts.reduce((sum, [, kibibytes]) => sum + Number(kibibytes) * 1024, 0)
}

function childrenOf(pid: number): number[] {
  return threadsOf(pid).flatMap((thread) =>
    readOrNothing(`/proc/${pid}/task/${thread}/children`).split(' ').filter(Boolean).map(Number),
  )
}

function threadsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`)
  } catch {
    return []
  }
}

/** Processes end while they are looked at. */
function readOrNothing(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
