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
    const { id: disabled } = await changeKeys(values, io, (entries) =>
      disabledKey(findKey(entries, id), Date.now()),
    )
    io.err(`Key ${disabled} is disabled.\n`)
    return 0
  },
}

export const keyEnable: Command = {
  name: 'key enable',
  summary: 'let a disabled key in again',
  argument: '<id>',
  options: [configOption],
  async run(values, io, id): Promise<ExitCode> {
    const { id: enabled } = await changeKeys(values, io, (entries) => enabledKey(findKey(entries, id)))
    io.err(`Key ${enabled} is enabled.\n`)
    return 0
  },
}
