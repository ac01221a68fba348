/**
 * Notices that a file changed, by asking for its state once a second: that also works where inotify does not
 * (network mounts, bind mounts, the symlink swaps of Kubernetes), and for a file that does not exist yet. Not by Node's
 * `watchFile`, whose first look comes later: what changed before it is never told.
 */
import { stat } from 'node:fs/promises'
import { stateOf, textOf } from './state.ts'

/** A watch over files, until it is closed. */
export interface Watch {
  close(): void
}

/**
 * Calls back when one of the files is written, replaced, made or removed, looking every `intervalMs`
 * milliseconds.
 */
export function watchFiles(paths: readonly string[], onChange: () => void, intervalMs = 1000): Watch {
  const seen = new Map(paths.map((path) => [path, stateAtFirst(path)]))
  let isLooking = false
  let isClosed = false
  const look = async () => {
    // A network file system may take longer than the interval.
    if (isLooking) return
    isLooking = true
    for (const [path, before] of seen) {
      const state = await stateNow(path)
      if (isClosed || state === before) continue
      seen.set(path, state)
      onChange()
    }
    isLooking = false
  }
  const timer = setInterval(() => void look(), intervalMs)
  timer.unref()
  return {
    close: () => {
      isClosed = true
      clearInterval(timer)
    },
  }
}

/** What cannot be looked at is watched as if it were not there. */
function stateAtFirst(path: string): string {
  try {
    return stateOf(path)
  } catch {
    return ''
  }
}

/** The same off the event loop. */
async function stateNow(path: string): Promise<string> {
  try {
    return textOf(await stat(path))
  } catch {
    return ''
  }
}
