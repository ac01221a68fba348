/** Files that root makes for a gateway that runs as another user. */
import { chownSync, statSync } from 'node:fs'
import { dirname } from 'node:path'

/**
 * Gives a file or folder to the owner of the folder that it is in: made by root, it must be the gateway's to read all the same.
 * @throws what `fs` throws
 */
export function giveToFolderOwner(path: string): void {
  const { uid, gid } = statSync(dirname(path))
  if (statSync(path).uid !== uid) chownSync(path, uid, gid)
}
