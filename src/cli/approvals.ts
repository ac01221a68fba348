/** `torwart approvals`: which tool calls wait for a human, and what was decided. */
import { type Command, configOption, type ExitCode, jsonOption } from './command.ts'
import { askGateway, askingOptions, type ShownApproval, sentence } from './shared/admin-client.ts'

export const approvals: Command = {
  options: [configOption, jsonOption, ...askingOptions],
  async run(values, io): Promise<ExitCode> {
    const answer = await askGateway(values, io, '')
    if (answer === undefined) return 1
    const { approvals: all } = answer as { approvals: readonly ShownApproval[] }
    if (values.json) io.out(`${JSON.stringify(all)}\n`)
    else io.out(all.length === 0 ? 'No tool call waits for approval.\n' : `${all.map(sentence).join('\n')}\n`)
    return 0
  },
}
