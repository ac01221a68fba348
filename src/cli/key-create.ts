/** `torwart key create`: a new key, shown this once. */
import { hashKey, mintKey } from '../identity/key.ts'
import { loadPolicy } from '../policy/load.ts'
import { type Command, configOption, jsonOption, textOf, UsageError } from './command.ts'
import { changeKeys, durationOption } from './keys.ts'

export const keyCreate: Command = {
  name: 'key create',
  summary: 'create a key; it is printed once and not kept',
  options: [
    configOption,
    { flags: '--name <name>', description: 'who or what will use it', required: true },
    { flags: '--role <role>', description: 'a role of the policy', required: true },
    { flags: '--expires <duration>', description: 'after which it is refused, such as 30d' },
    jsonOption,
  ],
  run(values, io) {
    const name = textOf(values, 'name')
    const role = textOf(values, 'role')
    const { roles } = loadPolicy(textOf(values, 'config'), io.variables).policy
    if (!roles.has(role))
      throw new UsageError(
        `there is no role ${role}; the policy has ${[...roles.keys()].join(', ') || 'none'}`,
      )
    // What a terminal would obey must not get into a list or a log.
    if (!/^[^\p{C}\p{Zl}\p{Zp}]{1,128}$/u.test(name) || name.trim() === '')
      throw new UsageError('--name must have 1 to 128 characters, none of them a control character')
    const lifeMs = durationOption(values, 'expires')
    const { id, key } = mintKey()
    const now = Date.now()
    const expires = lifeMs === undefined ? undefined : new Date(now + lifeMs).toISOString()
    const sha256 = hashKey(key).toString('hex')
    const created = new Date(now).toISOString()
    const entry = { id, name, role, sha256, created, ...(expires ? { expires } : {}) }
    changeKeys(values, io, () => entry)
    if (values.json) io.out(`${JSON.stringify({ id, key, name, role, expires: expires ?? null })}\n`)
    else {
      io.out(`${key}\n`)
      io.err(`Key ${id} for ${name}, role ${role}. Keep it now: it cannot be shown again.\n`)
    }
    return 0
  },
}
