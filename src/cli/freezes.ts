/** `torwart freezes`: the freezes in force. */
import { isInForce } from '../kill-switch/freeze-entry.ts'
import { type Command, configOption, type ExitCode, jsonOption } from './command.ts'
import { freezeInWords, listFreezes } from './shared/freezes.ts'

/** The command `torwart freezes`. */
export const freezes: Command = {
  options: [configOption, jsonOption],
  async run(values, io): Promise<ExitCode> {
    const now = Date.now()
    const inForce = (await listFreezes(values, io)).filter((freeze) => isInForce(freeze, now))
    if (values.json) io.out(`${JSON.stringify(inForce)}\n`)
    else io.out(inForce.length === 0 ? 'Nothing is frozen.\n' : `${inForce.map(freezeInWords).join('\n')}\n`)
    return 0
  },
}
