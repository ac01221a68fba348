/** `torwart exceptions`: lists the exceptions from the prompt guard, or removes one. */

import { table } from '../core/table.ts'
import { type Command, configOption, type ExitCode, jsonOption, textOf, UsageError } from './command.ts'
import { changeExceptions, openExceptions, whereOf } from './shared/exceptions-file.ts'

/** The command `torwart exceptions`. */
export const exceptions: Command = {
  options: [
    configOption,
    { flags: '--remove <id>', description: 'remove this exception; takes effect at once' },
    jsonOption,
  ],
  async run(values, io): Promise<ExitCode> {
    const id = textOf(values, 'remove')
    if (id !== '')
      return changeExceptions(values, io, (entries) => {
        if (!entries.some((each) => each.id === id))
          throw new UsageError(`There is no exception ${id}. Run \`torwart exceptions\` to see ids.`)
        return entries.filter((each) => each.id !== id)
      })
    const entries = openExceptions(values)
    if (values.json) io.out(`${JSON.stringify({ exceptions: entries }, null, 2)}\n`)
    else if (entries.length === 0) io.out('There are no exceptions.\n')
    else
      io.out(
        table(
          ['id', 'in', 'what', 'until', 'by', 'why'],
          entries.map((each) => ({
            ...each,
            in: whereOf(each),
            what: each.signature ?? `passage ${each.passage}`,
          })),
        ),
      )
    return 0
  },
}
