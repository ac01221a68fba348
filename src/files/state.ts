/** Whether a file is another one than before, from a look that costs microseconds and reads nothing. */
import { type Stats, statSync } from 'node:fs'

/** @returns a text that changes when the file is replaced or written; empty if there is none */
export function stateOf(file: string): string {
  const state = statSync(file, { throwIfNoEntry: false })
  return state ? textOf(state) : ''
}

/** The same of a state that is known; one of a file that is not there is all zeros. */
export function textOf({ mtimeMs, ino, size }: Pick<Stats, 'mtimeMs' | 'ino' | 'size'>): string {
  return ino === 0 ? '' : `${mtimeMs} ${ino} ${size}`
}
