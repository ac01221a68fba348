/** What the `audit` commands share: which log, and moments as people write them. */

import { readKeyFile } from '../../auth/api-keys/key-file.ts'
import { parseDuration } from '../../core/units.ts'
import { loadPolicy } from '../../policy/load.ts'
import { type Io, textOf, UsageError, type Values } from '../command.ts'

export function logFile(values: Values, io: Io, given?: string): string {
  return given ?? loadPolicy(textOf(values, 'config'), io.variables).policy.audit.file
}

/** Names of keys of the policy, which may have asked nothing yet; of a log that was given by name, nothing is known. */
export function knownTo(values: Values, io: Io, given?: string): { readonly identity?: readonly string[] } {
  if (given !== undefined) return {}
  const { keysFile } = loadPolicy(textOf(values, 'config'), io.variables).policy
  return { identity: readKeyFile(keysFile).flatMap(({ id, name }) => [id, name]) }
}

/** `24h` ago, or a date. @returns epoch milliseconds; undefined if the option is not given. @throws UsageError */
export function momentOption(values: Values, name: string): number | undefined {
  const text = textOf(values, name)
  if (text === '') return undefined
  const ago = parseDuration(text)
  const ms = ago === undefined ? Date.parse(text) : Date.now() - ago
  if (Number.isNaN(ms)) throw new UsageError(`--${name} must be a duration such as 24h, or a date and time.`)
  return ms
}
