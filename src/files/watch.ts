/**
 * Notices that a file changed, by asking for its state once a second: that also works where inotify does not
 * (network mounts, bind mounts, the symlink swaps of Kubernetes), and for a file that does not exist yet.
 */
import { unwatchFile, watchFile } from 'node:fs'

export interface Watch {
  close(): void
}

export function watchFiles(paths: readonly string[], onChange: () => void, intervalMs = 1000): Watch {
  const listener = () => onChange()
  for (const path of paths) watchFile(path, { interval: intervalMs, persistent: false }, listener)
  return {
    close: () => {
      for (const path of paths) unwatchFile(path, listener)
    },
  }
}
