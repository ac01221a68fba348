/** `torwart key revoke`, `key disable` and `key enable`: whether a key, and every token made from it, is let in. */
import { disabledKey, enabledKey, revokedKey } from '../identity/key-changes.ts'
import type { KeyEntry } from '../identity/key-file.ts'
import { type Command, configOption, type ExitCode } from './command.ts'
import { changeKeys, findKey } from './keys.ts'

export const keyRevoke = command(
  'revoke',
  'refuse a key from now on, and every token made from it',
  'revoked',
  revokedKey,
)
export const keyDisable = command(
  'disable',
  'refuse a key until it is enabled again, and every token made from it',
  'disabled',
  disabledKey,
)
export const keyEnable = command('enable', 'let a disabled key in again', 'enabled', enabledKey)

/** @param done what the key is then */
function command(
  verb: string,
  summary: string,
  done: string,
  change: (entry: KeyEntry, nowMs: number) => KeyEntry,
): Command {
  return {
    name: `key ${verb}`,
    summary,
    argument: '<id>',
    options: [configOption],
    async run(values, io, id): Promise<ExitCode> {
      const { entry, exit } = await changeKeys(values, io, (entries) =>
        change(findKey(entries, id), Date.now()),
      )
      io.err(`Key ${entry.id} is ${done}.\n`)
      return exit
    },
  }
}
