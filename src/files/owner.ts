/** Files that root makes for a gateway that runs as another user. */
import { closeSync, constants, fchownSync, fstatSync, lstatSync, openSync, statSync } from 'node:fs'
import { dirname } from 'node:path'

/**
 * Gives a file or folder to the owner of the folder that it is in: made by root, it must be the gateway's to read all the same.
 * Never through a link, symbolic or hard: whoever owns the folder could have put one there to be given something else.
 * @throws what `fs` throws, `ELOOP` for a link of root's
 */
export function giveToFolderOwner(path: string): void {
  const { uid, gid } = statSync(dirname(path))
  if (lstatSync(path).uid === uid) return
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  try {
    const found = fstatSync(descriptor)
    if (!found.isDirectory() && found.nlink > 1)
      throw new Error(`${path} has other names, and is not given away`)
    fchownSync(descriptor, uid, gid)
  } finally {
    closeSync(descriptor)
  }
}
