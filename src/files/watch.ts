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
 * milliseconds. For a reader who reads only when told; whoever reads for other reasons too compares by themselves with
 * what they read (`lookAtFiles`): a file that was read in between and put back is no change to this memory.
 */
export function watchFiles(paths: readonly string[], onChange: () => void, intervalMs = 1000): Watch {
  let seen = statesOf(paths)
  const look = (states: string) => {
    if (states === seen) return
    seen = states
    onChange()
  }
  return lookAtFiles(paths, look, intervalMs)
}

/** Tells the states of the files (as `statesOf`) every `intervalMs` milliseconds. */
export function lookAtFiles(
  paths: readonly string[],
  onLook: (states: string) => void,
  intervalMs = 1000,
): Watch {
  let isLooking = false
  let isClosed = false
  const look = async () => {
    // A network file system may take longer than the interval.
    if (isLooking) return
    isLooking = true
    const states: string[] = []
    for (const path of paths) states.push(await stateNow(path))
    isLooking = false
    if (!isClosed) onLook(states.join('\n'))
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

/**
 * Describes which versions of the files are there, a line each.
 * @returns an empty line for what is not there or cannot be looked at: why not, reading tells
 */
export function statesOf(paths: readonly string[]): string {
  return paths.map(lookAt).join('\n')
}

/** Describes which version of a file is there; empty for what cannot be looked at. */
export function lookAt(path: string): string {
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
