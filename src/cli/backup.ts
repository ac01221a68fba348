/** `torwart backup`: policy, keys, state and audit log of a gateway in a folder, while it runs. */
import { existsSync, readdirSync, statSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import { type Backup, makeBackup } from '../backup/backup.ts'
import { loadPolicy } from '../policy/load.ts'
import type { Policy } from '../policy/policy.ts'
import {
  authorOf,
  byOption,
  type Command,
  configOption,
  type ExitCode,
  type Io,
  jsonOption,
  textOf,
  UsageError,
  type Values,
} from './command.ts'
import { auditSigningKey } from './shared/audit-signing-key.ts'
import { putOnRecord } from './shared/operator-event.ts'

/** The command `torwart backup`. */
export const backup: Command = {
  options: [
    configOption,
    { flags: '--out <folder>', description: 'new or empty folder', required: true },
    {
      flags: '--with-secrets',
      description: 'private keys, too: whoever has the backup can then sign as this gateway',
    },
    byOption,
    jsonOption,
  ],
  async run(values, io): Promise<ExitCode> {
    const out = resolve(textOf(values, 'out'))
    const { policy } = loadPolicy(textOf(values, 'config'), io.variables)
    requireRoom(out, policy)
    const by = authorOf(values, io)
    const about = { by, to: basename(out), secrets: values.withSecrets === true }
    // A checkpoint is signed behind it, so the backup has one of all that was before.
    const isStarted = await putOnRecord('backup started', about, policy, io)
    const made = await makeHere(out, values, policy, io)
    const { sha256: manifest, records } = made
    const isMade = await putOnRecord('backup made', { ...about, manifest, records }, policy, io)
    tell(made, out, values, io)
    return isStarted && isMade && made.manifest.problem === null ? 0 : 1
  },
}

/** @throws UsageError */
function requireRoom(out: string, { audit, keysFile }: Policy): void {
  if (existsSync(out) && (!statSync(out).isDirectory() || readdirSync(out).length > 0))
    throw new UsageError(`${out} exists already. Name a new folder.`)
  // What is named after these files is backed up with them.
  if ([audit.file, keysFile].some((file) => out.startsWith(`${file}.`)))
    throw new UsageError('A backup must not be named after the audit log or the key file.')
}

async function makeHere(out: string, values: Values, policy: Policy, io: Io): Promise<Backup> {
  return makeBackup({
    ...{ policy, out, nowMs: Date.now(), version: io.version, variables: io.variables },
    policyFile: textOf(values, 'config'),
    withSecrets: values.withSecrets === true,
    signingKey: await auditSigningKey(policy.audit.file, io),
  })
}

function tell({ manifest, sha256, records }: Backup, out: string, values: Values, io: Io): void {
  const { files, leftOut, problem } = manifest
  if (values.json)
    io.out(`${JSON.stringify({ out, sha256, records, files: files.length, leftOut, problem })}\n`)
  else io.out(`${out}: ${files.length} files, ${records} audit records. SHA-256 of its manifest: ${sha256}\n`)
  if (problem !== null) io.err(`The audit log does not verify, and was backed up as it is: ${problem}\n`)
  if (leftOut.length > 0)
    io.err(
      `Left out, because they hold secrets (--with-secrets takes them):\n${leftOut.map((path) => `  ${path}\n`).join('')}`,
    )
}
