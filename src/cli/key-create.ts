/** `torwart key create`: creates a key and prints it once. */
import { createdKey, KeyProblem } from '../auth/api-keys/key-changes.ts'
import { loadPolicy } from '../policy/load.ts'
import {
  authorOf,
  byOption,
  type Command,
  configOption,
  type ExitCode,
  jsonOption,
  textOf,
  UsageError,
} from './command.ts'
import { changeKeys, durationOption, requireRole } from './shared/keys.ts'

/** The command `torwart key create`. */
export const keyCreate: Command = {
  options: [
    configOption,
    { flags: '--name <name>', description: 'name of the person or program that uses it', required: true },
    { flags: '--role <role>', description: 'role in the policy', required: true },
    { flags: '--expires <duration>', description: 'lifetime, such as 30d; default: no expiry' },
    {
      flags: '--from <networks>',
      description: 'networks it may be used from, such as 10.0.0.0/8,192.0.2.7; default: all',
    },
    { flags: '--purpose <text>', description: 'what it is for; default: what its role is for' },
    byOption,
    jsonOption,
  ],
  async run(values, io): Promise<ExitCode> {
    const name = textOf(values, 'name')
    const role = textOf(values, 'role')
    const { roles } = loadPolicy(textOf(values, 'config'), io.variables).policy
    requireRole(roles, role)
    if (values.from === '')
      throw new UsageError('--from is empty. Leave it out to allow the key from everywhere.')
    const networks = textOf(values, 'from').split(',').filter(Boolean)
    const purpose = values.purpose === undefined ? undefined : textOf(values, 'purpose')
    const wish = { name, role, purpose, lifeMs: durationOption(values, 'expires'), networks }
    const { key, entry } = made(() => createdKey(wish, Date.now(), authorOf(values, io)))
    const { exit } = await changeKeys(values, io, () => entry)
    const { id, expires = null } = entry
    if (values.json) io.out(`${JSON.stringify({ id, key, name, role, expires })}\n`)
    else {
      io.out(`${key}\n`)
      io.err(`Key ${id} for ${name}, role ${role}. Save it now: it cannot be shown again.\n`)
    }
    return exit
  },
}

/** @throws UsageError */
function made<T>(make: () => T): T {
  try {
    return make()
  } catch (error) {
    throw error instanceof KeyProblem ? new UsageError(error.message) : error
  }
}
