/** Making a folder and those above it. */
import { existsSync, mkdirSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { errorCode } from '../core/error-code.ts'

/**
 * Makes a folder and those above it (mode 0700). One by one: where one cannot be made (`/proc`, a folder that
 * was removed from under a mount), Node's recursive `mkdir` never ends.
 * @throws what `mkdir` throws
 */
export function makeFolder(path: string): void {
  const missing: string[] = []
  for (let at = resolve(path); !existsSync(at) && at !== dirname(at); at = dirname(at)) missing.unshift(at)
  for (const folder of missing) {
    try {
      mkdirSync(folder, { mode: 0o700 })
    } catch (error) {
      // Another process was faster.
      if (errorCode(error) !== 'EEXIST') throw error
    }
  }
}
