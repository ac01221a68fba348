/** `torwart models verify` with a file: an attestation of this program, or a publisher's signature over a model's files. */
import { existsSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { plain } from '../../core/plain.ts'
import { publicKeysIn } from '../../files/signing-key.ts'
import { AttestationFault } from '../../model-trust/attestation/fault.ts'
import type { Attestation } from '../../model-trust/attestation/statement.ts'
import { readAttestation, readSmallFile } from '../../model-trust/attestation/store.ts'
import type { Lock } from '../../model-trust/lock/lock.ts'
import { compareFiles } from '../../model-trust/oms/files.ts'
import { verifyBundle } from '../../model-trust/oms/verify.ts'
import { type ExitCode, type Io, type Option, textOf, UsageError, type Values } from '../command.ts'
import { readFor } from '../shared/named-file.ts'
import { lockOf, policyOf } from './policy.ts'

/** The options of `models verify` that name a file to verify. */
export const fileOptions: readonly Option[] = [
  { flags: '--attestation <file>', description: 'verify this attestation of a passed test run' },
  {
    flags: '--oms <file>',
    description:
      'verify this signature (OpenSSF Model Signing v1.0) over the files in --files; default: beside it',
  },
  { flags: '--key <file>', description: 'public key, or for --oms also a certificate, PEM' },
]

/** How something differs, in the form of `models verify --json`. */
interface Difference {
  readonly model: string
  readonly kind: string
  readonly was: string
  readonly is: string
}

/** What came out, in the form of `models verify --json`. */
interface Outcome {
  readonly ok: boolean
  readonly differences: readonly Difference[]
  /** Why it was refused as a whole. */
  readonly reason?: string
  /** What was verified, for people. */
  readonly verified?: string
}

/**
 * Verifies the file that the options name, and prints what came out.
 * @returns undefined if they name none
 * @throws UsageError
 */
export async function verifyFiles(values: Values, io: Io): Promise<ExitCode | undefined> {
  const attestation = textOf(values, 'attestation')
  const signature = textOf(values, 'oms')
  const keyFile = textOf(values, 'key')
  if (attestation === '' && signature === '') {
    if (keyFile !== '') throw new UsageError('--key needs --attestation or --oms.')
    return undefined
  }
  if (attestation !== '' && signature !== '')
    throw new UsageError('Name either --attestation or --oms, not both.')
  if (keyFile === '') throw new UsageError('--key is missing: the public key that is trusted.')
  const key = readFor('key', () => readFileSync(keyFile, 'utf8'))
  const outcome = await orRefused(() =>
    attestation === ''
      ? verifySignature(signature, key, textOf(values, 'files'))
      : verifyAttestation(attestation, key, lockIfThere(values, io)),
  )
  if (values.json) io.out(`${JSON.stringify(outcome)}\n`)
  else tell(io, outcome)
  return outcome.ok ? 0 : 1
}

async function orRefused(verify: () => Outcome | Promise<Outcome>): Promise<Outcome> {
  try {
    return await verify()
  } catch (error) {
    if (error instanceof AttestationFault) return { ok: false, differences: [], reason: error.message }
    throw error
  }
}

function tell(io: Io, { ok, differences, reason, verified }: Outcome): void {
  if (reason !== undefined) io.out(`refused: ${reason}\n`)
  for (const { model, kind, was, is } of differences)
    io.out(`${plain(`${model}: ${kind}: ${was} → ${is}`)}\n`)
  if (ok) io.out(`valid: ${plain(verified)}\n`)
}

/** The attestation is verified without a policy, too; with one, it must be of a version in the lock. */
function lockIfThere(values: Values, io: Io): Lock | undefined {
  return existsSync(textOf(values, 'config')) ? lockOf(policyOf(values, io)) : undefined
}

function verifyAttestation(file: string, key: string, lock: Lock | undefined): Outcome {
  const run = readAttestation(
    readFor('attestation', () => readSmallFile(file)),
    keysIn(key),
  )
  const differences = lock ? differencesTo(run, lock.models) : []
  const about = `${run.model} sha256:${run.digest} passed ${run.suite} (${run.passed.length} probes) on ${new Date(run.finishedMs).toISOString()}`
  const verified = `${about}${lock ? '' : '; not compared with a lock, because there is none'}`
  return { ok: differences.length === 0, differences, verified }
}

function keysIn(text: string): ReturnType<typeof publicKeysIn> {
  const keys = text.includes('-----BEGIN PUBLIC KEY-----') ? publicKeysIn(text) : []
  if (keys.length === 0) throw new UsageError('The file that --key names holds no public key in PEM.')
  return keys
}

function differencesTo(
  { model, digest }: Attestation,
  models: readonly { readonly name: string; readonly digest: string }[],
): readonly Difference[] {
  const locked = models.filter(({ name }) => name === model)
  if (locked.length === 0) return [{ model, kind: 'unlocked', was: 'not in the lock', is: digest }]
  if (locked.some((each) => each.digest === digest)) return []
  return [{ model, kind: 'digest', was: locked.map((each) => each.digest).join(', '), is: digest }]
}

async function verifySignature(file: string, key: string, files: string): Promise<Outcome> {
  const manifest = verifyBundle(
    readFor('oms', () => readFileSync(file)),
    key,
    Date.now(),
  )
  const root = files || dirname(file)
  const differences = await compareFiles(root, manifest, file)
  return {
    ok: differences.length === 0,
    differences: differences.map(({ file: name, kind }) => ({
      model: name,
      kind,
      was: kind === 'unsigned' ? 'not signed' : 'signed',
      is: kind === 'changed' ? 'other bytes' : kind,
    })),
    verified: `${manifest.resources.length} signed files in ${root}`,
  }
}
