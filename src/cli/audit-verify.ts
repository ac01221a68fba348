/** `torwart audit verify`: checks that the hash chain is intact, that its end is not cut off, and that its signatures match. */
import { existsSync } from 'node:fs'
import { chainsOf } from '../audit/chains.ts'
import { readProof } from '../audit/verify/proof.ts'
import { type ChainsOptions, type ChainVerdict, verifyChains } from '../audit/verify/verify-chains.ts'
import { segmentsOf } from '../audit/write/segments.ts'
import { readPublicKeys } from '../audit/write/signer.ts'
import { type Command, configOption, type Io, jsonOption, textOf, UsageError } from './command.ts'
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
    const keyFile = textOf(values, 'key')
    if (keyFile !== '' && !existsSync(keyFile)) throw new UsageError(`There is no file ${keyFile}.`)
    const kept = keyFile === '' ? undefined : await readPublicKeys(keyFile)
    const checkpoint = textOf(values, 'checkpoint')
    const sinceMs = momentOption(values, 'since')
    const progress = progressOf(io, 'records')
    const options: ChainsOptions = {
      ...(kept ? { keys: kept } : {}),
      ...(checkpoint === '' ? {} : { checkpoint: await checkpointOf(checkpoint, file, kept) }),
      ...(sinceMs === undefined ? {} : { sinceMs }),
      onProgress: progress.tell,
    }
    const { chains, ...verdict } = await verifyChains(file, options).finally(progress.end)
    const { records, bad, notes } = verdict
    if (values.json)
      io.out(
        `${JSON.stringify({ ok: bad === undefined, ...verdict, ...(chains.length > 1 ? { chains } : {}) })}\n`,
      )
    else {
      for (const note of notes) io.out(`note: ${note}\n`)
      for (const chain of chains) tellChain(chain, chains.length > 1, keyFile, io)
      if (bad) io.out(`${bad.file}:${bad.line}: ${bad.why}\n`)
      else if (chains.length > 1) io.out(`${records} records in ${chains.length} chains, all intact\n`)
    }
    return bad ? 1 : 0
  },
}

function tellChain(
  { file, records, bad, headSeen, signedTo }: ChainVerdict,
  isOneOfMany: boolean,
  keyFile: string,
  io: Io,
): void {
  if (!headSeen) io.out(`note: ${file}.head is missing, so a truncated end cannot be detected\n`)
  if (signedTo === undefined)
    io.out(`note: there is no ${keyFile || `${file}.pub`}, so signatures were not verified\n`)
  if (bad) return
  const which = isOneOfMany ? `${file}: ` : ''
  io.out(
    `${which}${records} records, the chain is intact${signedTo ? `, signed up to record ${signedTo}` : ''}\n`,
  )
}

/** @throws UsageError */
async function checkpointOf(
  text: string,
  file: string,
  kept: ChainsOptions['keys'],
): Promise<NonNullable<ChainsOptions['checkpoint']>> {
  const [, seq, hash] = /^(\d{1,15}):([0-9a-f]{64})$/.exec(text.trim()) ?? []
  if (seq !== undefined && hash !== undefined) return { seq: Number(seq), hash }
  for (const chain of chainsOf(file)) {
    const proof = await readProof(text.trim(), kept ?? (await readPublicKeys(`${chain}.pub`)))
    const at = proof?.at as { readonly seq?: number; readonly hash?: string } | undefined
    if (at?.seq !== undefined && at.hash !== undefined)
      return { seq: at.seq, hash: at.hash, instance: String(proof?.instance) }
  }
  throw new UsageError('--checkpoint must be NUMBER:HASH, or a proof signed with the key of this log.')
}
