/**
 * Backs up a gateway into a folder while it runs: its policy and keys as they were at one moment, its state file by file as
 * each is replaced whole, and the audit log up to its last whole record. The copy of the log is verified before the backup
 * counts as made.
 */
import { type KeyObject, sign } from 'node:crypto'
import { mkdtemp, readFile, rm, stat, symlink } from 'node:fs/promises'
import { hostname } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { chainsOf } from '../audit/chains.ts'
import { verifyChains } from '../audit/verify/verify-chains.ts'
import { errorCode } from '../core/error-code.ts'
import { HashedFolder } from '../files/hashed-folder.ts'
import { statesOf } from '../files/watch.ts'
import type { Variables } from '../policy/locate.ts'
import type { Policy } from '../policy/policy.ts'
import { type Item, itemsOf } from './contents.ts'
import { closeAll, openChain } from './copy-log.ts'
import { type BackupFile, type BackupManifest, manifestName, manifestSignature } from './manifest.ts'

/** What is backed up, and where to. */
export interface BackupParts {
  readonly policyFile: string
  readonly policy: Policy
  /** From which `${VAR}` in the policy is expanded. */
  readonly variables: Variables
  /** A folder that is empty or is not there. */
  readonly out: string
  readonly withSecrets: boolean
  readonly nowMs: number
  readonly version: string
  /** Signs the manifest; undefined: it is not signed. */
  readonly signingKey: KeyObject | undefined
}

/** A backup that was made. */
export interface Backup {
  readonly manifest: BackupManifest
  /** SHA-256 of the manifest. */
  readonly sha256: string
  readonly records: number
}

interface Read {
  readonly item: Item
  readonly bytes: Buffer
  readonly mode: number
}

const maxTries = 5
const nameDigits = 4

/** Makes a backup. @throws Error if files keep changing, and what `fs` throws */
export async function makeBackup(parts: BackupParts): Promise<Backup> {
  const { policy, policyFile, withSecrets } = parts
  const folder = new HashedFolder(parts.out)
  const files: BackupFile[] = []
  const nextName = () => `files/${String(files.length + 1).padStart(nameDigits, '0')}`
  const all = itemsOf(policyFile, policy, parts.variables)
  const items = all.filter(({ secret }) => withSecrets || !secret)
  for (const { item, bytes, mode } of await readSettled(items)) {
    const { name, ...hashed } = await folder.write(nextName(), bytes)
    files.push({ name, path: item.path, mode, ...hashed })
  }
  for (const chain of chainsOf(policy.audit.file)) {
    const opened = await openChain(chain)
    try {
      for (const { path, handle, bytes, mode } of opened) {
        const { name, ...hashed } = await folder.copy(nextName(), handle, bytes)
        files.push({ name, path, mode, ...hashed })
      }
    } finally {
      await closeAll(opened)
    }
  }
  const { records, problem } = await verifyCopy(parts, files)
  const manifest: BackupManifest = {
    ...{ version: 1, made: new Date(parts.nowMs).toISOString(), by: `torwart ${parts.version}` },
    ...{ node: hostname(), withSecrets, auditFile: policy.audit.file, files, problem },
    leftOut: all.filter(({ secret }) => secret && !withSecrets).map(({ path }) => path),
  }
  const text = `${JSON.stringify(manifest, null, 1)}\n`
  if (parts.signingKey) await folder.write(manifestSignature, sign(null, Buffer.from(text), parts.signingKey))
  // Last: a folder without a manifest is no backup.
  const { sha256 } = await folder.write(manifestName, text)
  return { manifest, sha256, records }
}

/** Reads files until those that belong together did not change meanwhile. */
async function readSettled(items: readonly Item[]): Promise<readonly Read[]> {
  const settled = items.filter((item) => item.settled).map(({ path }) => path)
  for (let left = maxTries; left > 0; left--) {
    const before = statesOf(settled)
    const read: Read[] = []
    for (const item of items) {
      const one = await readItem(item)
      if (one) read.push(one)
    }
    if (statesOf(settled) === before) return read
  }
  throw new Error('the policy or its keys are being changed all the time; try again')
}

/** @returns undefined if it is gone by now */
async function readItem(item: Item): Promise<Read | undefined> {
  try {
    const { mode } = await stat(item.path)
    return { item, bytes: await readFile(item.path), mode: mode & 0o777 }
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error
    return undefined
  }
}

/** Verifies the copy of the log under its own names. @throws Error if it is worse than the log itself */
async function verifyCopy(
  { out, policy }: BackupParts,
  files: readonly BackupFile[],
): Promise<{ readonly records: number; readonly problem: string | null }> {
  const { file } = policy.audit
  const view = await mkdtemp(join(out, 'verify-'))
  try {
    for (const { name, path } of files)
      if (dirname(path) === dirname(file) && basename(path).startsWith(basename(file)))
        await symlink(join('..', name), join(view, basename(path)))
    const { bad, records } = await verifyChains(join(view, basename(file)))
    if (!bad) return { records, problem: null }
    const problem = `${basename(bad.file)}:${bad.line}: ${bad.why}`
    // A log that is broken must be saved all the more.
    if ((await verifyChains(file)).bad) return { records, problem }
    throw new Error(`the audit log was changed while it was copied (${problem}); try again`)
  } finally {
    await rm(view, { recursive: true })
  }
}
