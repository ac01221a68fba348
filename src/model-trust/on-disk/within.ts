/** Paths that must stay in a folder, whatever names and links say. */
import { realpathSync, statSync } from 'node:fs'
import { resolve, sep } from 'node:path'

/**
 * Returns the real path of a file in a folder; undefined if there is none.
 * @param name relative to the folder, from a file that may be anybody's
 * @throws Error if it leads out of the folder, by its name or by a link
 */
export function fileWithin(folder: string, name: string): string | undefined {
  const root = realpathSync(folder)
  const path = resolve(root, name)
  if (!path.startsWith(root + sep)) throw new Error(`${JSON.stringify(name)} leads out of ${folder}`)
  const found = statSync(path, { throwIfNoEntry: false })
  if (!found?.isFile()) return undefined
  const real = realpathSync(path)
  if (!real.startsWith(root + sep)) throw new Error(`${JSON.stringify(name)} leads out of ${folder}`)
  return real
}
