/** `torwart breaker close`: closes the circuit breaker of a key, in the running gateway, which records it. */

import { idHint } from '../auth/api-keys/find-key.ts'
import { keyId } from '../auth/api-keys/key.ts'
import type { KeyEntry } from '../auth/api-keys/key-file.ts'
import { isCallerId } from '../core/key-id.ts'
import { loadPolicy } from '../policy/load.ts'
import { adminOption, authorOf, byOption, type Command, configOption, textOf, UsageError } from './command.ts'
import { adminTarget, callAdmin } from './shared/admin-client.ts'
import { readKeys } from './shared/keys.ts'

const timeoutMs = 5000

/** The command `torwart breaker close`. */
export const breakerClose: Command = {
  argument: '<id>',
  options: [configOption, byOption, adminOption],
  async run(values, io, given = '') {
    const id = keyId(given) ?? given
    requireId(id, readKeys(values, io))
    const { admin } = loadPolicy(textOf(values, 'config'), io.variables).policy
    if (admin.token === undefined)
      throw new UsageError('Changing a running gateway needs `admin.token` in the policy.')
    const { answer } = await callAdmin<{ wasOpen: boolean }>(io, adminTarget(values, admin), {
      path: `/breakers/${encodeURIComponent(id)}/close`,
      body: { by: authorOf(values, io) },
      timeoutMs,
    })
    if (answer === undefined) return 1
    io.out(answer.wasOpen ? `The breaker of ${id} is closed.\n` : `The breaker of ${id} was not open.\n`)
    return 0
  },
}

/**
 * Accepts ids that no key file lists, because callers without a key have such ids.
 * @throws UsageError if the text is not an id, or is the name of a key
 */
function requireId(id: string, entries: readonly KeyEntry[]): void {
  const isName = entries.some(({ name }) => name === id) && !entries.some((entry) => entry.id === id)
  if (isName || !isCallerId(id)) throw new UsageError(`This is not a key id${idHint(entries, id)}`)
}
