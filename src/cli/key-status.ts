/** `torwart key revoke`, `key disable` and `key enable`: whether a key, and every token made from it, is let in. */
import { disabledKey, enabledKey, revokedKey } from '../auth/api-keys/key-changes.ts'
import type { KeyEntry } from '../auth/api-keys/key-file.ts'
import { authorOf, byOption, type Command, configOption, type ExitCode } from './command.ts'
import { changeKeys, findKey } from './shared/keys.ts'

export const keyRevoke = command('revoked', revokedKey)
export const keyDisable = command('disabled', disabledKey)
export const keyEnable = command('enabled', enabledKey)

/** @param done what the key is then */
function command(done: string, change: (entry: KeyEntry, nowMs: number, by: string) => KeyEntry): Command {
  return {
    argument: '<id>',
    options: [configOption, byOption],
    async run(values, io, id): Promise<ExitCode> {
      const { entry, exit } = await changeKeys(values, io, (entries) =>
        change(findKey(entries, id), Date.now(), authorOf(values, io)),
      )
      io.err(`Key ${entry.id} is ${done}.\n`)
      return exit
    },
  }
}
