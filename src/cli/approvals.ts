/** `torwart approvals`: which tool calls wait for approval, and what was decided. */
import { type Command, configOption, type ExitCode, jsonOption } from './command.ts'
import { adminCredentialOptions } from './shared/admin-client.ts'
import { type ApprovalView, approvalInWords, callApprovals } from './shared/approvals.ts'

interface Listed {
  readonly approvals: readonly ApprovalView[]
}

/** The command `torwart approvals`. */
export const approvals: Command = {
  options: [configOption, jsonOption, ...adminCredentialOptions],
  async run(values, io): Promise<ExitCode> {
    const listed = await callApprovals<Listed>(values, io, '')
    if (listed === undefined) return 1
    const { approvals: all } = listed
    if (values.json) io.out(`${JSON.stringify(all)}\n`)
    else
      io.out(
        all.length === 0 ? 'No tool call waits for approval.\n' : `${all.map(approvalInWords).join('\n')}\n`,
      )
    return 0
  },
}
