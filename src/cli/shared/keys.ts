/** What the `key` and `token` commands share: reading, finding and changing keys. */

import { findKey as keyOf } from '../../auth/api-keys/find-key.ts'
import { changeKeyFile, KeyProblem } from '../../auth/api-keys/key-changes.ts'
import { type KeyEntry, readKeyFile } from '../../auth/api-keys/key-file.ts'
import { type KeyView, keyView } from '../../auth/api-keys/key-view.ts'
import { readUses, usesFile } from '../../auth/api-keys/usage.ts'
import { parseDuration } from '../../core/units.ts'
import { hasSharedKeys, locateKeys } from '../../policy/locate.ts'
import type { Policy } from '../../policy/policy.ts'
import { type ExitCode, type Io, textOf, UsageError, type Values } from '../command.ts'
import { awaitReload } from './await-reload.ts'

/**
 * Reads the policy's key file, even if the policy has errors elsewhere.
 * @throws PolicyError
 */
export function readKeys(values: Values, io: Io): readonly KeyEntry[] {
  return readKeyFile(locateKeys(textOf(values, 'config'), io.variables))
}

/** Reads all keys without their secrets. */
export function viewKeys(values: Values, io: Io, nowMs: number): readonly KeyView[] {
  const file = locateKeys(textOf(values, 'config'), io.variables)
  const uses = readUses(usesFile(file))
  return readKeyFile(file).map((entry) => keyView(entry, uses, nowMs))
}

/**
 * Changes one key, and waits until the running gateway has applied it.
 * @returns the changed key, and the exit code: 1 if the gateway has not applied it in time, or Redis was not reached
 * @throws UsageError
 */
export async function changeKeys(
  values: Values,
  io: Io,
  change: (entries: readonly KeyEntry[]) => KeyEntry,
): Promise<{ entry: KeyEntry; exit: ExitCode }> {
  const file = locateKeys(textOf(values, 'config'), io.variables)
  try {
    const { result, exit } = await beforeFleet(values, io, () => changeKeyFile(file, change))
    const taken = await awaitReload(values, io, 'keys', file)
    return { entry: result, exit: taken === 'late' ? 1 : exit }
  } catch (error) {
    throw error instanceof KeyProblem ? new UsageError(error.message) : error
  }
}

/**
 * Changes key files. If a fleet shares them in Redis, synchronises before and after. If Redis is unavailable the change is
 * made all the same, because revoking a leaked key must not wait.
 */
export async function beforeFleet<T>(
  values: Values,
  io: Io,
  work: () => Promise<T>,
): Promise<{ result: T; exit: ExitCode }> {
  const config = textOf(values, 'config')
  if (!hasSharedKeys(config, io.variables)) return { result: await work(), exit: 0 }
  const { reachFleet } = await import('./shared-keys.ts')
  const fleet = reachFleet(config, io.variables)
  try {
    const isThere = await fleet.synchronise()
    const result = await work()
    if (isThere && (await fleet.synchronise())) return { result, exit: 0 }
    io.err(
      `${fleet.whyAway}. Only gateways that share these files have the change; they pass it on when they can.\n`,
    )
    return { result, exit: 1 }
  } finally {
    fleet.close()
  }
}

/** As `findKey` of `auth/`. @throws UsageError */
export function findKey(entries: readonly KeyEntry[], given = ''): KeyEntry {
  try {
    return keyOf(entries, given)
  } catch (error) {
    throw error instanceof KeyProblem ? new UsageError(error.message) : error
  }
}

/** Checks that the policy has a role. @throws UsageError */
export function requireRole(roles: Policy['roles'], name: string): void {
  if (!roles.has(name))
    throw new UsageError(
      `There is no role ${name}. The policy has ${[...roles.keys()].join(', ') || 'none'}.`,
    )
}

/** Reads an option with a duration. @returns milliseconds; undefined if the option is absent @throws UsageError */
export function durationOption(values: Values, name: string): number | undefined {
  const text = textOf(values, name)
  if (text === '') return undefined
  const ms = parseDuration(text)
  if (ms === undefined || ms === 0) throw new UsageError(`--${name} must be a duration such as 30d or 24h.`)
  return ms
}
