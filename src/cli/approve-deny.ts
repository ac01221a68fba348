/** `torwart approve` and `torwart deny`: a human's decision about one tool call, exactly as it is listed, once. */
import { authorOf, byOption, type Command, configOption, type Option, textOf, UsageError } from './command.ts'
import { adminCredentialOptions } from './shared/admin-client.ts'
import { type ApprovalView, approvalInWords, callApprovals } from './shared/approvals.ts'

/** The command `torwart approve`. */
export const approve = decision('approve', {
  flags: '--why <reason>',
  description: 'reason, for the audit log',
})
/** The command `torwart deny`. */
export const deny = decision('deny', {
  flags: '--why <reason>',
  description: 'reason, for the audit log',
  required: true,
})

function decision(verb: 'approve' | 'deny', whyOption: Option): Command {
  return {
    argument: '<id>',
    options: [configOption, whyOption, byOption, ...adminCredentialOptions],
    async run(values, io, id = '') {
      if (!/^ap_[0-9a-f]+$/.test(id))
        throw new UsageError('This is not an approval id. Run `torwart approvals` to see ids.')
      const why = textOf(values, 'why')
      if (verb === 'deny' && why.trim() === '') throw new UsageError('Give the reason: --why.')
      const body = { by: authorOf(values, io), ...(why === '' ? {} : { why }) }
      const decided = await callApprovals<ApprovalView>(values, io, `/${id}/${verb}`, body)
      if (decided === undefined) return 1
      io.out(`${approvalInWords(decided)}\n`)
      return 0
    },
  }
}
