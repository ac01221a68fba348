/** `torwart breaker close`: lets a key go on whose circuit breaker is open. Asks the running gateway, which records it. */

import { keyId } from '../auth/api-keys/key.ts'
import type { KeyEntry } from '../auth/api-keys/key-file.ts'
import { isCallerId } from '../core/key-id.ts'
import { urlOf } from '../policy/address.ts'
import { loadPolicy } from '../policy/load.ts'
import { adminOption, byOption, type Command, configOption, textOf, UsageError } from './command.ts'
import { idHint, readKeys } from './shared/keys.ts'

const answerMs = 5000

export const breakerClose: Command = {
  argument: '<id>',
  options: [configOption, byOption, adminOption],
  async run(values, io, given = '') {
    const id = keyId(given) ?? given
    requireId(id, readKeys(values, io))
    const { admin } = loadPolicy(textOf(values, 'config'), io.variables).policy
    if (admin.token === undefined)
      throw new UsageError('Changing a running gateway needs `admin.token` in the policy.')
    const base = textOf(values, 'admin') || urlOf('http', admin)
    const response = await fetch(`${base}/admin/v1/breakers/${encodeURIComponent(id)}/close`, {
      method: 'POST',
      headers: { authorization: `Bearer ${admin.token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ by: textOf(values, 'by') || io.user }),
      signal: AbortSignal.timeout(answerMs),
    }).catch(() => undefined)
    if (!response?.ok) {
      io.err(`${base} ${response ? `answers ${response.status}` : 'does not answer'}\n`)
      return 1
    }
    const { wasOpen } = (await response.json()) as { wasOpen: boolean }
    io.out(wasOpen ? `The breaker of ${id} is closed.\n` : `The breaker of ${id} was not open.\n`)
    return 0
  },
}

/** Callers without a key have ids that stand in no file. @throws UsageError if it is no id, or the name of a key */
function requireId(id: string, entries: readonly KeyEntry[]): void {
  const isName = entries.some(({ name }) => name === id) && !entries.some((entry) => entry.id === id)
  if (isName || !isCallerId(id)) throw new UsageError(`This is not a key id${idHint(entries, id)}`)
}
