/** `torwart key disable` and `key enable`: refused for a while, and then not any more. */
import { disabledKey, enabledKey } from '../identity/key-changes.ts'
import { type Command, configOption, type ExitCode } from './command.ts'
import { changeKeys, findKey } from './keys.ts'

export const keyDisable: Command = {
  name: 'key disable',
  summary: 'refuse a key until it is enabled again, and every token made from it',
  argument: '<id>',
  options: [configOption],
  async run(values, io, id): Promise<ExitCode> {
    const { entry, exit } = await changeKeys(values, io, (entries) =>
      disabledKey(findKey(entries, id), Date.now()),
    )
    io.err(`Key ${entry.id} is disabled.\n`)
    return exit
  },
}

export const keyEnable: Command = {
  name: 'key enable',
  summary: 'let a disabled key in again',
  argument: '<id>',
  options: [configOption],
  async run(values, io, id): Promise<ExitCode> {
    const { entry, exit } = await changeKeys(values, io, (entries) =>
      enabledKey(findKey(entries, id), Date.now()),
    )
    io.err(`Key ${entry.id} is enabled.\n`)
    return exit
  },
}
