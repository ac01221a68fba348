/** Small files of JSON that the gate keeps beside others. Lost they may be, but never misread. */
import { existsSync, readFileSync } from 'node:fs'
import { tryJson } from '../core/json.ts'

/**
 * Reads a small file of JSON.
 * @param what a file of what it is
 * @param take what it says, or undefined if it is not what it should be
 * @returns undefined if there is no file.
 * @throws TypeError if it is not what it should be, and what `fs` throws
 */
export function readJsonFile<T>(
  path: string,
  what: string,
  take: (value: unknown) => T | undefined,
): T | undefined {
  if (!existsSync(path)) return undefined
  const taken = take(tryJson(readFileSync(path, 'utf8')))
  if (taken === undefined) throw new TypeError(`${path} is not a file of ${what}`)
  return taken
}
