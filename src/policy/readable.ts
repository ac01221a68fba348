/** Whether a file can be read, asked before somebody depends on it. */
import { accessSync, constants } from 'node:fs'

/** Returns whether this process may read a file. */
export function isReadable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK)
    return true
  } catch {
    return false
  }
}
