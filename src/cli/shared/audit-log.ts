/** What the `audit` commands share: the path of the log, and options with a time. */

import { readKeyFile } from '../../auth/api-keys/key-file.ts'
import { parseMoment } from '../../core/units.ts'
import { loadPolicy } from '../../policy/load.ts'
import { type Io, textOf, UsageError, type Values } from '../command.ts'

/**
 * Returns the log that was given, or else the one of the policy.
 * @throws PolicyError
 */
export function logFile(values: Values, io: Io, given?: string): string {
  return given ?? loadPolicy(textOf(values, 'config'), io.variables).policy.audit.file
}

/** Returns the keys of the policy, which may have no record yet; none for a log that was given by name. */
export function knownTo(values: Values, io: Io, given?: string): { readonly identity?: readonly string[] } {
  if (given !== undefined) return {}
  const { keysFile } = loadPolicy(textOf(values, 'config'), io.variables).policy
  return { identity: readKeyFile(keysFile).flatMap(({ id, name }) => [id, name]) }
}

/**
 * Reads an option with a time: a duration ago such as `24h`, or a date.
 * @returns epoch milliseconds; undefined if the option is absent
 * @throws UsageError
 */
export function momentOption(values: Values, name: string): number | undefined {
  const text = textOf(values, name)
  if (text === '') return undefined
  const ms = parseMoment(text, Date.now())
  if (Number.isNaN(ms)) throw new UsageError(`--${name} must be a duration such as 24h, or a date and time.`)
  return ms
}
