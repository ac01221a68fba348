/**
 * Restores a backup: every hash is checked before anything is written, and what stands in its way is put aside under another
 * name, never overwritten.
 */
import { createHash, type KeyObject, verify } from 'node:crypto'
import { createReadStream, existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { open, rename } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { randomHex } from '../core/random.ts'
import { makeFolder } from '../files/folder.ts'
import {
  type BackupFile,
  type BackupManifest,
  manifestName,
  manifestSignature,
  readManifest,
} from './manifest.ts'

/** A backup that cannot be restored; the message says why, and what to do. */
export class RestoreProblem extends Error {}

/** A backup whose files are what its manifest says. */
export interface CheckedBackup {
  readonly folder: string
  readonly manifest: BackupManifest
  /** SHA-256 of the manifest. */
  readonly sha256: string
}

/**
 * Checks a backup.
 * @param key the public key that must have signed it; undefined: any backup will do
 * @throws RestoreProblem
 */
export async function checkBackup(folder: string, key: KeyObject | undefined): Promise<CheckedBackup> {
  const path = join(folder, manifestName)
  if (!existsSync(path)) throw new RestoreProblem(`${folder} is no backup: it has no ${manifestName}`)
  const text = readFileSync(path)
  if (key) requireSigned(folder, text, key)
  const manifest = manifestIn(text)
  const named = new Set(manifest.files.map(({ name }) => name))
  const found = readdirSync(join(folder, 'files')).map((name) => `files/${name}`)
  const extra = found.find((name) => !named.has(name))
  if (extra !== undefined) throw new RestoreProblem(`${extra} is not in the manifest; nothing was restored`)
  for (const { name, sha256, bytes } of manifest.files) {
    const file = join(folder, name)
    if (!existsSync(file)) throw new RestoreProblem(`${name} is missing; nothing was restored`)
    if (statSync(file).size !== bytes || (await hashOf(file)) !== sha256)
      throw new RestoreProblem(`${name} is not what the manifest says; nothing was restored`)
  }
  return { folder, manifest, sha256: createHash('sha256').update(text).digest('hex') }
}

/** @throws RestoreProblem */
function requireSigned(folder: string, text: Buffer, key: KeyObject): void {
  const path = join(folder, manifestSignature)
  if (!existsSync(path)) throw new RestoreProblem('the backup is not signed; nothing was restored')
  if (!verify(null, text, key, readFileSync(path)))
    throw new RestoreProblem('the backup was not signed with this key; nothing was restored')
}

/** @throws RestoreProblem */
function manifestIn(text: Buffer): BackupManifest {
  try {
    return readManifest(text.toString('utf8'))
  } catch (error) {
    throw new RestoreProblem(error instanceof Error ? error.message : String(error))
  }
}

async function hashOf(file: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file), hash)
  return hash.digest('hex')
}

/** Names the place of a file below another root; the root itself if there is none. */
export function placeOf(path: string, root: string): string {
  return root === '' ? path : join(root, path)
}

/** Lists what stands in the way: files of these names, and other files of the audit log. */
export function inTheWay({ files, auditFile, leftOut }: BackupManifest, root: string): string[] {
  const log = placeOf(auditFile, root)
  const ofLog = existsSync(dirname(log))
    ? readdirSync(dirname(log))
        .filter((name) => name === basename(log) || name.startsWith(`${basename(log)}.`))
        .filter((name) => !aside.test(name))
        .map((name) => join(dirname(log), name))
        // Secrets that the backup does not have are still needed.
        .filter((path) => !leftOut.some((secret) => placeOf(secret, root) === path))
    : []
  const targets = files.map(({ path }) => placeOf(path, root)).filter((path) => existsSync(path))
  // Files within a folder of the log go with it.
  return [...new Set([...ofLog, ...targets])].filter(
    (path) => !ofLog.some((other) => path.startsWith(`${other}/`)),
  )
}

const aside = /\.replaced-\d+$/

/**
 * Writes the files of a checked backup.
 * @returns the files that were put aside, under their new names
 * @throws what `fs` throws; then it can be restored again
 */
export async function restoreBackup(
  { folder, manifest }: CheckedBackup,
  root: string,
  nowMs: number,
): Promise<readonly string[]> {
  const moved: string[] = []
  for (const path of inTheWay(manifest, root)) {
    const to = `${path}.replaced-${nowMs}`
    await rename(path, to)
    moved.push(to)
  }
  for (const file of manifest.files) await restoreFile(join(folder, file.name), file, root)
  return moved
}

async function restoreFile(from: string, { path, mode }: BackupFile, root: string): Promise<void> {
  const to = placeOf(path, root)
  makeFolder(dirname(to))
  // Through no link that somebody has put there, whatever its name.
  const fresh = `${to}.${randomHex(6)}.tmp`
  const file = await open(fresh, 'wx', 0o600)
  try {
    for await (const piece of createReadStream(from)) await file.writeFile(piece as Buffer)
    // Whatever the mask of this process is; a backup gives nobody else the right to write, and no file another user's rights.
    await file.chmod(mode & 0o755)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(fresh, to)
}
