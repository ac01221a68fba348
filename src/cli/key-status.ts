/** `torwart key revoke`, `key disable` and `key enable`: change whether a key, and all tokens minted from it, are accepted. */
import { disabledKey, enabledKey, revokedKey } from '../auth/api-keys/key-changes.ts'
import type { KeyEntry } from '../auth/api-keys/key-file.ts'
import { authorOf, byOption, type Command, configOption, type ExitCode } from './command.ts'
import { changeKeys, findKey } from './shared/keys.ts'

/** The command `torwart key revoke`. */
export const keyRevoke = command('revoked', revokedKey)
/** The command `torwart key disable`. */
export const keyDisable = command('disabled', disabledKey)
/** The command `torwart key enable`. */
export const keyEnable = command('enabled', enabledKey)

/** @param done the new status of the key */
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
