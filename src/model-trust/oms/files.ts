/** The files of a signed model against its manifest: every file listed is there and unchanged, and there is no other. */
import { createHash } from 'node:crypto'
import { createReadStream, type Dirent, realpathSync } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { AttestationFault } from '../attestation/fault.ts'
import type { Manifest } from './bundle.ts'

/** How a file differs from the manifest. */
export interface FileDifference {
  readonly file: string
  readonly kind: 'changed' | 'missing' | 'unsigned'
}

/** Always left out, at the top of the folder (section 6.2). */
const standardIgnored = ['.git', '.gitignore', '.gitattributes', '.github']
const maxFiles = 100_000
const algorithms = { sha256: 'sha256', blake2b: 'blake2b512' }

/**
 * Compares a model on disk with its signed manifest.
 * @param root its folder, or its only file
 * @param signature the file of the signature, which is no part of the model
 * @throws AttestationFault if it has links that the manifest does not allow, and what `fs` throws
 */
export async function compareFiles(
  root: string,
  manifest: Manifest,
  signature: string,
): Promise<FileDifference[]> {
  const ignored = [...standardIgnored, ...manifest.ignored, relative(root, signature).split(sep).join('/')]
  const isOneFile = (await stat(root)).isFile()
  const files = isOneFile ? [''] : await listFiles(root, manifest.allowsLinks, ignored)
  const expected = new Map(manifest.resources.map(({ name, digest }) => [name, digest]))
  const [only] = manifest.resources
  const differences: FileDifference[] = []
  for (const file of files) {
    // The name of a single file says nothing: people rename it.
    const name = isOneFile ? (only?.name.replace(/:\d+:\d+$/, '') ?? '') : file
    const path = isOneFile ? root : join(root, file)
    for (const piece of await piecesOf(path, name, manifest.shardSize)) {
      const digest = expected.get(piece.name)
      expected.delete(piece.name)
      if (digest === undefined) differences.push({ file: piece.name, kind: 'unsigned' })
      else if (digest !== (await digestOf(path, piece, algorithms[manifest.hash])))
        differences.push({ file: piece.name, kind: 'changed' })
    }
  }
  for (const name of expected.keys()) differences.push({ file: name, kind: 'missing' })
  return differences
}

interface Piece {
  readonly name: string
  readonly start: number
  /** Exclusive. */
  readonly end: number
}

async function piecesOf(path: string, name: string, shardSize: number | undefined): Promise<Piece[]> {
  const { size } = await stat(path)
  if (shardSize === undefined) return [{ name, start: 0, end: size }]
  const pieces: Piece[] = []
  for (let start = 0; start < size; start += shardSize) {
    const end = Math.min(start + shardSize, size)
    pieces.push({ name: `${name}:${start}:${end}`, start, end })
  }
  return pieces
}

async function digestOf(path: string, { start, end }: Piece, algorithm: string): Promise<string> {
  const hash = createHash(algorithm)
  if (end > start)
    for await (const bytes of createReadStream(path, { start, end: end - 1, highWaterMark: 1024 * 1024 }))
      hash.update(bytes as Buffer)
  return hash.digest('hex')
}

async function listFiles(root: string, allowsLinks: boolean, ignored: readonly string[]): Promise<string[]> {
  const files: string[] = []
  const top = realpathSync(root)
  const visit = async (folder: string): Promise<void> => {
    for (const entry of await readdir(join(root, folder), { withFileTypes: true })) {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`
      if (ignored.includes(path)) continue
      if (files.length >= maxFiles) throw new AttestationFault(`the folder has more than ${maxFiles} files`)
      if (entry.isDirectory()) await visit(path)
      else if (entry.isFile() || isAllowedLink(entry, join(root, path), top, allowsLinks)) files.push(path)
    }
  }
  await visit('')
  return files
}

function isAllowedLink(entry: Dirent, path: string, top: string, allowsLinks: boolean): boolean {
  if (!entry.isSymbolicLink()) throw new AttestationFault('the folder holds something that is no file')
  if (!allowsLinks) throw new AttestationFault('the folder holds a link, which the signature does not allow')
  if (!realpathSync(path).startsWith(`${top}${sep}`))
    throw new AttestationFault('the folder holds a link that leads out of it')
  return true
}
