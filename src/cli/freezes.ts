/** `torwart freezes`: what is frozen. */
import { isInForce } from '../kill-switch/freeze-entry.ts'
import { type Command, configOption, type ExitCode, jsonOption } from './command.ts'
import { list, sentence } from './shared/issue-freeze.ts'

export const freezes: Command = {
  options: [configOption, jsonOption],
  async run(values, io): Promise<ExitCode> {
    const orders = (await list(values, io)).filter((order) => isInForce(order, Date.now()))
    if (values.json) io.out(`${JSON.stringify(orders)}\n`)
    else io.out(orders.length === 0 ? 'Nothing is frozen.\n' : `${orders.map(sentence).join('\n')}\n`)
    return 0
  },
}
