/** `torwart deny`: says no to a tool call that waits for a human. */
import { byOption, type Command, configOption } from './command.ts'
import { askingOptions, decide } from './shared/admin-client.ts'

export const deny: Command = {
  argument: '<id>',
  options: [
    configOption,
    { flags: '--why <reason>', description: 'reason, for the audit log', required: true },
    byOption,
    ...askingOptions,
  ],
  run: (values, io, id = '') => decide(values, io, id, 'deny'),
}
