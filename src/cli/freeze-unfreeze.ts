/** `torwart freeze`: the kill switch. Refuses new requests and ends running ones, on every gateway, within a second. */
import { byOption, type Command, configOption, textOf } from './command.ts'
import { give } from './shared/issue-freeze.ts'
import { durationOption } from './shared/keys.ts'

export const freeze: Command = {
  argument: '<key|role|model|all> [name]',
  options: [
    configOption,
    { flags: '--why <reason>', description: 'reason, for the audit log', required: true },
    { flags: '--for <duration>', description: 'duration after which the freeze ends, such as 1h' },
    { flags: '--ahead', description: 'freeze it even if it does not exist yet' },
    byOption,
  ],
  run: (values, io, ...words) =>
    give(values, io, words, {
      frozen: true,
      why: textOf(values, 'why'),
      forMs: durationOption(values, 'for'),
      ahead: values.ahead === true,
    }),
}
