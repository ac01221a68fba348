/** `torwart approve`: says yes to one tool call, exactly as it is listed, once. */
import { byOption, type Command, configOption } from './command.ts'
import { askingOptions, decide } from './shared/admin-client.ts'

export const approve: Command = {
  argument: '<id>',
  options: [
    configOption,
    { flags: '--why <reason>', description: 'reason, for the audit log' },
    byOption,
    ...askingOptions,
  ],
  run: (values, io, id = '') => decide(values, io, id, 'approve'),
}
