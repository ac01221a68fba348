/**
 * `torwart freeze` and `torwart unfreeze`: the kill switch. A freeze refuses new requests and aborts running ones, on every
 * gateway, within a second.
 */
import { byOption, type Command, configOption, textOf } from './command.ts'
import { issueFreeze } from './shared/freezes.ts'
import { durationOption } from './shared/keys.ts'

const argument = '<key|role|model|person|all> [name]'

/** The command `torwart freeze`. */
export const freeze: Command = {
  argument,
  options: [
    configOption,
    { flags: '--why <reason>', description: 'reason, for the audit log', required: true },
    { flags: '--for <duration>', description: 'duration after which the freeze ends, such as 1h' },
    { flags: '--ahead', description: 'freeze it even if it does not exist yet' },
    byOption,
  ],
  run: (values, io, ...words) =>
    issueFreeze(values, io, words, {
      frozen: true,
      why: textOf(values, 'why'),
      forMs: durationOption(values, 'for'),
      ahead: values.ahead === true,
    }),
}

/** The command `torwart unfreeze`. */
export const unfreeze: Command = {
  argument,
  options: [
    configOption,
    { flags: '--why <reason>', description: 'reason, for the audit log', standard: 'lifted' },
    byOption,
  ],
  run: (values, io, ...words) =>
    issueFreeze(values, io, words, {
      frozen: false,
      why: textOf(values, 'why'),
      forMs: undefined,
      ahead: true,
    }),
}
