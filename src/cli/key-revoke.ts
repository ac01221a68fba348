/** `torwart key revoke`: the key stays in the file, so that the log can be read, and is refused from now on. */
import { type Command, configOption } from './command.ts'
import { changeKeys, findKey } from './keys.ts'

export const keyRevoke: Command = {
  name: 'key revoke',
  summary: 'refuse a key from now on',
  argument: '<id>',
  options: [configOption],
  run(values, io, id) {
    const revoked = changeKeys(values, io, (entries) => ({
      revoked: new Date().toISOString(),
      ...findKey(entries, id),
    }))
    io.err(`Key ${revoked.id} is revoked.\n`)
    return 0
  },
}
