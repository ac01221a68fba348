/** `torwart unfreeze`: lifts what `freeze` ordered. */
import { byOption, type Command, configOption, textOf } from './command.ts'
import { give } from './shared/issue-freeze.ts'

export const unfreeze: Command = {
  argument: '<key|role|model|all> [name]',
  options: [
    configOption,
    { flags: '--why <reason>', description: 'reason, for the audit log', standard: 'lifted' },
    byOption,
  ],
  run: (values, io, ...words) =>
    give(values, io, words, { frozen: false, why: textOf(values, 'why'), forMs: undefined, ahead: true }),
}
