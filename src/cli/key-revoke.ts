/** `torwart key revoke`: refused from now on, with every token that was made from it. */
import { revokedKey } from '../identity/key-changes.ts'
import { type Command, configOption, type ExitCode } from './command.ts'
import { changeKeys, findKey } from './keys.ts'

export const keyRevoke: Command = {
  name: 'key revoke',
  summary: 'refuse a key from now on, and every token made from it',
  argument: '<id>',
  options: [configOption],
  async run(values, io, id): Promise<ExitCode> {
    const { entry, exit } = await changeKeys(values, io, (entries) =>
      revokedKey(findKey(entries, id), Date.now()),
    )
    io.err(`Key ${entry.id} is revoked.\n`)
    return exit
  },
}
