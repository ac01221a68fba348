/** `torwart audit verify`: checks that the hash chain is intact, that its end is not cut off, and that its signatures match. */
import { existsSync } from 'node:fs'
import { readProof } from '../audit/verify/proof.ts'
import { type VerifyOptions, verifyLog } from '../audit/verify/verify.ts'
import type { Head } from '../audit/write/chain.ts'
import { segmentsOf } from '../audit/write/segments.ts'
import { readPublicKeys } from '../audit/write/signer.ts'
import { type Command, configOption, jsonOption, textOf, UsageError } from './command.ts'
import { logFile, momentOption } from './shared/audit-log.ts'
import { progressOf } from './shared/progress.ts'

/** The command `torwart audit verify`. */
export const auditVerify: Command = {
  argument: '[file]',
  options: [
    configOption,
    {
      flags: '--checkpoint <checkpoint>',
      description: 'checkpoint kept elsewhere: NUMBER:HASH from a metric, or the `proof` of a log line',
    },
    { flags: '--key <file>', description: 'public key kept elsewhere; default: FILE.pub' },
    { flags: '--since <time>', description: 'only segments since this time: 24h, 30d, or a date' },
    jsonOption,
  ],
  async run(values, io, given) {
    const file = logFile(values, io, given)
    if (segmentsOf(file).length === 0) {
      io.err(`There is no log ${file}. A gateway creates it when it starts.\n`)
      return 1
    }
    const keyFile = textOf(values, 'key') || `${file}.pub`
    if (textOf(values, 'key') !== '' && !existsSync(keyFile))
      throw new UsageError(`There is no file ${keyFile}.`)
    const keys = await readPublicKeys(keyFile)
    const sinceMs = momentOption(values, 'since')
    const progress = progressOf(io, 'records')
    const options: VerifyOptions = {
      ...(keys.size > 0 ? { keys } : {}),
      ...(textOf(values, 'checkpoint')
        ? { checkpoint: await checkpointOf(textOf(values, 'checkpoint'), keys) }
        : {}),
      ...(sinceMs === undefined ? {} : { sinceMs }),
      onProgress: progress.tell,
    }
    const verdict = await verifyLog(file, options).finally(progress.end)
    const { records, bad, notes, headSeen, signedTo } = verdict
    if (values.json) io.out(`${JSON.stringify({ ok: bad === undefined, ...verdict })}\n`)
    else {
      for (const note of notes) io.out(`note: ${note}\n`)
      if (!headSeen) io.out(`note: ${file}.head is missing, so a truncated end cannot be detected\n`)
      if (signedTo === undefined) io.out(`note: there is no ${keyFile}, so signatures were not verified\n`)
      if (bad) io.out(`${bad.file}:${bad.line}: ${bad.why}\n`)
      else
        io.out(
          `${records} records, the chain is intact${signedTo ? `, signed up to record ${signedTo}` : ''}\n`,
        )
    }
    return bad ? 1 : 0
  },
}

/** @throws UsageError */
async function checkpointOf(text: string, keys: NonNullable<VerifyOptions['keys']>): Promise<Head> {
  const [, seq, hash] = /^(\d{1,15}):([0-9a-f]{64})$/.exec(text.trim()) ?? []
  if (seq !== undefined && hash !== undefined) return { seq: Number(seq), hash }
  const at = (await readProof(text.trim(), keys))?.at as Partial<Head> | undefined
  if (at?.seq === undefined || at.hash === undefined)
    throw new UsageError('--checkpoint must be NUMBER:HASH, or a proof signed with the key of this log.')
  return { seq: at.seq, hash: at.hash }
}
