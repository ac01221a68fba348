/**
 * Replacing a small file so that a reader, and a crash at any point, sees the old one or the new one whole.
 */
import { randomBytes } from 'node:crypto'
import { closeSync, existsSync, fsyncSync, openSync, realpathSync, renameSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'

/**
 * Writes beside the file (mode 0600), syncs, renames over it and syncs the folder, which must exist. It is not made
 * here: in a folder that was removed from under a mount, Node's recursive `mkdir` never ends.
 * @throws what `fs` throws
 */
export function replaceFile(given: string, text: string): void {
  // Behind a link, what it names is replaced, and the link stays.
  const path = existsSync(given) ? realpathSync(given) : given
  const folder = dirname(path)
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`
  const file = openSync(temporary, 'w', 0o600)
  try {
    writeSync(file, text)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(temporary, path)
  const directory = openSync(folder, 'r')
  try {
    fsyncSync(directory)
  } finally {
    closeSync(directory)
  }
}
