/**
 * Replacing a small file so that a reader, and a crash at any point, sees the old one or the new one whole.
 */

import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { type FileHandle, open, rename, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { randomHex } from '../core/random.ts'

/**
 * Replaces a file that a crash may lose, in which case the old one or none is there. Off the event loop. A link is
 * replaced itself.
 * @throws what `fs` throws; then the old file stands
 */
export async function replaceUnsynced(path: string, text: string): Promise<void> {
  const temporary = `${path}.tmp`
  // Never through a link that somebody else has put there.
  await rm(temporary, { force: true })
  await writeFile(temporary, text, { mode: 0o600, flag: 'wx' })
  await rename(temporary, path)
}

/** Does the same as `replaceUnsynced` before it returns. */
export function replaceUnsyncedSync(path: string, text: string): void {
  const temporary = `${path}.tmp`
  rmSync(temporary, { force: true })
  writeFileSync(temporary, text, { mode: 0o600, flag: 'wx' })
  renameSync(temporary, path)
}

/**
 * Writes beside the file (mode 0600), syncs, renames over it and syncs the folder, which must exist. It is not made
 * here: in a folder that was removed from under a mount, Node's recursive `mkdir` never ends.
 * @throws what `fs` throws, a full disk's too; then the old file stands, and nothing is left beside it
 */
export function replaceFile(given: string, text: string): void {
  // Behind a link, what it names is replaced, and the link stays.
  const path = existsSync(given) ? realpathSync(given) : given
  const folder = dirname(path)
  const temporary = `${path}.${randomHex(6)}.tmp`
  try {
    const file = openSync(temporary, 'w', 0o600)
    try {
      // Not `writeSync`, which may write less than it was given.
      writeFileSync(file, text)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    renameSync(temporary, path)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw error
  }
  const directory = openSync(folder, 'r')
  try {
    fsyncSync(directory)
  } finally {
    closeSync(directory)
  }
}

/**
 * Does the same as `replaceFile` off the event loop, for files of some megabytes, except that a link is replaced itself.
 * @throws what `fs` throws; then the old file stands
 */
export async function replaceLargeFile(path: string, text: string): Promise<void> {
  const temporary = `${path}.tmp`
  // Never through a link that somebody else has put there.
  await rm(temporary, { force: true })
  await closed(open(temporary, 'wx', 0o600), async (file) => {
    await file.writeFile(text)
    await file.sync()
  })
  await rename(temporary, path)
  await closed(open(dirname(path), 'r'), (folder) => folder.sync())
}

async function closed(
  opening: Promise<FileHandle>,
  work: (file: FileHandle) => Promise<void>,
): Promise<void> {
  const file = await opening
  try {
    await work(file)
  } finally {
    await file.close()
  }
}
