/** Whether a file is another one than before, from a look that costs microseconds and reads nothing. */
import { type Stats, statSync } from 'node:fs'

/**
 * Describes which version of a file is there, without reading it.
 * @returns a text that changes when the file is replaced or written; empty if there is none
 */
export function stateOf(file: string): string {
  const state = statSync(file, { throwIfNoEntry: false })
  return state ? textOf(state) : ''
}

/** Describes the version by a state that is known; of a file that is not there, all of it is zeros. */
export function textOf({ mtimeMs, ino, size }: Pick<Stats, 'mtimeMs' | 'ino' | 'size'>): string {
  return ino === 0 ? '' : `${mtimeMs} ${ino} ${size}`
}
