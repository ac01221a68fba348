/** `torwart audit verify`: does the chain hold, and is its end still there? */
import { existsSync } from 'node:fs'
import { verifyLog } from '../audit/verify.ts'
import { loadPolicy } from '../policy/load.ts'
import { type Command, configOption, jsonOption, textOf } from './command.ts'

export const auditVerify: Command = {
  name: 'audit verify',
  summary: 'check the hash chain of the audit log; exit 1 at the first bad record',
  argument: '[file]',
  options: [configOption, jsonOption],
  async run(values, io, given) {
    const file = given ?? loadPolicy(textOf(values, 'config'), io.variables).policy.audit.file
    if (!existsSync(file)) {
      io.err(`There is no log ${file}; a gateway makes it when it starts.\n`)
      return 1
    }
    const verdict = await verifyLog(file)
    const { records, bad, notes, headSeen } = verdict
    if (values.json) io.out(`${JSON.stringify({ ok: bad === undefined, ...verdict })}\n`)
    else {
      for (const note of notes) io.out(`note: ${note}\n`)
      if (!headSeen) io.out(`note: ${file}.head is missing, so a cut end cannot be seen\n`)
      if (bad) io.out(`${file}:${bad.line}: ${bad.why}\n`)
      else io.out(`${records} records, the chain holds\n`)
    }
    return bad ? 1 : 0
  },
}
