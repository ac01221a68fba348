/**
 * Notices that a file changed, by asking for its state once a second: that also works where inotify does not
 * (network mounts, bind mounts, the symlink swaps of Kubernetes), and for a file that does not exist yet.
 */
import { type Stats, unwatchFile, watchFile } from 'node:fs'
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
  const listeners = paths.map((path) => {
    let seen = stateAtFirst(path)
    // Called once for a file that is not there, too; and for every read, where access times are kept. What it is given
    // as the state before is not always that: of a file that was away, it is the one before it went.
    const listener = (now: Stats) => {
      const state = textOf(now)
      if (state === seen) return
      seen = state
      onChange()
    }
    watchFile(path, { interval: intervalMs, persistent: false }, listener)
    return [path, listener] as const
  })
  return {
    close: () => {
      for (const [path, listener] of listeners) unwatchFile(path, listener)
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
