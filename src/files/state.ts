/** Whether a file is another one than before, from a look that costs microseconds and reads nothing. */
import { statSync } from 'node:fs'

/** @returns a text that changes when the file is replaced or written; empty if there is none */
export function stateOf(file: string): string {
  const state = statSync(file, { throwIfNoEntry: false })
  return state ? `${state.mtimeMs} ${state.ino} ${state.size}` : ''
}
