/** The folder of attestations beside the lock: one file for each model, digest and suite. */
import { createHash, type KeyObject } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { replaceFile } from '../../files/atomic.ts'
import { makeFolder } from '../../files/folder.ts'
import { publicKeysIn, readPublicKeyFile } from '../../files/signing-key.ts'
import { openEnvelope, sealEnvelope } from './envelope.ts'
import { AttestationFault } from './fault.ts'
import { type Attestation, readStatement, statementOf } from './statement.ts'

/** Bytes of a file; an attestation has some kilobytes. */
const maxFile = 1024 * 1024
/** Files that are read of the folder. */
const maxFiles = 1000
const ending = '.intoto.json'

/** An attestation that is not accepted. */
export interface RefusedAttestation {
  readonly file: string
  readonly reason: string
}

/** What a folder of attestations holds. */
export interface Attestations {
  readonly attestations: readonly Attestation[]
  readonly refused: readonly RefusedAttestation[]
  /** Why none can count, such as that there is no public key to verify them with. */
  readonly fault?: string
}

/** Returns the folder of attestations that belongs to a lock file. */
export function attestationsFolder(lockFile: string): string {
  return join(dirname(lockFile), 'attestations')
}

/** Signs a passed run and writes it into the folder. @returns the file @throws what `fs` throws */
export function writeAttestation(folder: string, run: Attestation, key: KeyObject): string {
  makeFolder(folder)
  const file = join(folder, attestationFileName(run))
  replaceFile(file, sealEnvelope(statementOf(run), key))
  return file
}

/**
 * Returns the name of the file of an attestation. Model names hold slashes and colons, so it has their digest, and so much of
 * the name that a person knows it.
 */
export function attestationFileName({
  model,
  digest,
  suite,
}: Pick<Attestation, 'model' | 'digest' | 'suite'>): string {
  const id = createHash('sha256').update(`${model}\n${digest}\n${suite}`).digest('hex').slice(0, 16)
  return `${model.replaceAll(/[^a-z0-9.]+/gi, '-').slice(0, 64)}-${id}${ending}`
}

/** Verifies one attestation. @param keys public keys that are trusted @throws AttestationFault */
export function readAttestation(bytes: Uint8Array, keys: readonly KeyObject[]): Attestation {
  return readStatement(openEnvelope(bytes, keys))
}

/**
 * Verifies all attestations of a folder, at most 1,000 files of at most 1 MiB. A bad file is reported and counts for nothing.
 * @param publicKeys Ed25519 keys that are trusted, PEM
 * @throws Error if a key cannot be read
 */
export function readAttestations(folder: string, publicKeys: string): Attestations {
  const keys = publicKeysIn(publicKeys)
  const attestations: Attestation[] = []
  const refused: RefusedAttestation[] = []
  const files = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith(ending)) : []
  for (const name of files.sort().slice(0, maxFiles)) {
    const file = join(folder, name)
    try {
      attestations.push(readAttestation(readSmallFile(file), keys))
    } catch (error) {
      refused.push({ file, reason: reasonOf(error) })
    }
  }
  for (const name of files.slice(maxFiles))
    refused.push({ file: join(folder, name), reason: `the folder has more than ${maxFiles} files` })
  return { attestations, refused }
}

/** Tells why a file of public keys can verify nothing; undefined: it holds a key. @param file path */
export function publicKeyFault(file: string): string | undefined {
  if (!existsSync(file)) return 'the public key to verify test runs with is missing'
  try {
    if (readPublicKeyFile(file).some((key) => key.asymmetricKeyType === 'ed25519')) return undefined
    return 'the file of the public key to verify test runs with holds no Ed25519 key'
  } catch {
    return 'the public key to verify test runs with cannot be read'
  }
}

/** Verifies all attestations beside a lock with the public key beside the signing key. @throws what `fs` throws */
export function attestationsOf(lockFile: string, signingFile: string): Attestations {
  const keyFile = `${signingFile}.pub`
  const keyFault = publicKeyFault(keyFile)
  if (keyFault === undefined)
    return readAttestations(attestationsFolder(lockFile), readFileSync(keyFile, 'utf8'))
  return { attestations: [], refused: [{ file: keyFile, reason: keyFault }], fault: keyFault }
}

/** Reads a file of at most 1 MiB. @throws AttestationFault if it is larger or no file, and what `fs` throws */
export function readSmallFile(file: string): Buffer {
  const found = statSync(file)
  if (!found.isFile()) throw new AttestationFault('it is no file')
  if (found.size > maxFile) throw new AttestationFault('the file is larger than 1 MiB')
  return readFileSync(file)
}

function reasonOf(error: unknown): string {
  return error instanceof AttestationFault ? error.message : 'the file cannot be read'
}
