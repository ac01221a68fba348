/** `torwart breaker close`: lets a key go on whose circuit breaker is open. Asks the running gateway, which records it. */
import { isKeyId, keyId } from '../identity/key.ts'
import { loadPolicy } from '../policy/load.ts'
import { type Command, configOption, textOf, UsageError } from './command.ts'

const answerMs = 5000

export const breakerClose: Command = {
  name: 'breaker close',
  summary: 'close the circuit breaker of a key by hand',
  argument: '<id>',
  options: [
    configOption,
    { flags: '--by <name>', description: 'who orders it; your user name if absent' },
    { flags: '--admin <url>', description: 'the admin listener, if not where the policy says' },
  ],
  async run(values, io, given = '') {
    const id = keyId(given) ?? given
    if (!isKeyId(id)) throw new UsageError('that is not the id of a key')
    const { admin } = loadPolicy(textOf(values, 'config'), io.variables).policy
    if (admin.token === undefined)
      throw new UsageError('changing something in a running gateway needs `admin.token` in the policy')
    const host = admin.host.includes(':') ? `[${admin.host}]` : admin.host
    const base = textOf(values, 'admin') || `http://${host}:${admin.port}`
    const response = await fetch(`${base}/admin/v1/breakers/${id}/close`, {
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
