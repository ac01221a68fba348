/** Whether a file can be read, asked before somebody depends on it. */
import { accessSync, constants } from 'node:fs'

export function isReadable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK)
    return true
  } catch {
    return false
  }
}
