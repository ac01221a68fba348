/** `torwart models bom`: prints a bill of materials of the locked models (CycloneDX 1.6). */
import { randomUUID } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { attestationsFolder, readAttestations } from '../../model-trust/attestation/store.ts'
import { bomOf } from '../../model-trust/bom/bom.ts'
import { type Command, configOption, type ExitCode } from '../command.ts'
import { policyOf, requireLock } from './policy.ts'

/** The command `torwart models bom`. */
export const modelsBom: Command = {
  options: [configOption],
  run(values, io): ExitCode {
    const policy = policyOf(values, io)
    const { lockFile, signingFile } = policy.modelTrust
    const lock = requireLock(policy)
    const keyFile = `${signingFile}.pub`
    const keys = existsSync(keyFile) ? readFileSync(keyFile, 'utf8') : ''
    const { attestations, refused } = readAttestations(attestationsFolder(lockFile), keys)
    for (const { file, reason } of refused) io.err(`${file} is left out: ${reason}\n`)
    const serialNumber = `urn:uuid:${randomUUID()}`
    io.out(bomOf({ lock, attestations, version: io.version, serialNumber, now: new Date() }))
    return 0
  },
}
