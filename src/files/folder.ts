/** Making a folder and those above it. */
import { existsSync, lstatSync, mkdirSync } from 'node:fs'
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

/**
 * Makes a folder that holds state of a gateway, as `makeFolder` does. A link in its place is refused: whoever owns the folder
 * above it could have root write elsewhere.
 * @throws what `mkdir` throws, and an Error for a link or a file in its place
 */
export function makeStateFolder(path: string): void {
  makeFolder(path)
  if (!lstatSync(path).isDirectory()) throw new Error(`${path} is a link or a file, where a folder belongs`)
}
