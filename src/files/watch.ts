/**
 * Notices that a file changed, by asking for its state once a second: that also works where inotify does not
 * (network mounts, bind mounts, the symlink swaps of Kubernetes), and for a file that does not exist yet.
 */
import { type Stats, unwatchFile, watchFile } from 'node:fs'

export interface Watch {
  close(): void
}

export function watchFiles(paths: readonly string[], onChange: () => void, intervalMs = 1000): Watch {
  // Told once of a file that is not there, too; and of every read, where access times are kept.
  const listener = (now: Stats, before: Stats) => {
    if (now.mtimeMs !== before.mtimeMs || now.size !== before.size || now.ino !== before.ino) onChange()
  }
  for (const path of paths) watchFile(path, { interval: intervalMs, persistent: false }, listener)
  return {
    close: () => {
      for (const path of paths) unwatchFile(path, listener)
    },
  }
}
