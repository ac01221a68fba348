/** `torwart models bom`: prints a bill of materials of the locked models (CycloneDX 1.6). */
import { randomUUID } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { attestationsFolder, readAttestations } from '../../model-trust/attestation/store.ts'
import { bomOf } from '../../model-trust/bom/bom.ts'
import { readLock } from '../../model-trust/lock/lock-file.ts'
import { loadPolicy } from '../../policy/load.ts'
import { type Command, configOption, type ExitCode, textOf } from '../command.ts'

/** The command `torwart models bom`. */
export const modelsBom: Command = {
  options: [configOption],
  run(values, io): ExitCode {
    const { lockFile, signingFile } = loadPolicy(textOf(values, 'config'), io.variables).policy.modelTrust
    const lock = readLock(lockFile)
    if (lock === undefined) {
      io.err(`There is no ${lockFile}. Run \`torwart models lock\` first.\n`)
      return 1
    }
    const keyFile = `${signingFile}.pub`
    const keys = existsSync(keyFile) ? readFileSync(keyFile, 'utf8') : ''
    const { attestations, refused } = readAttestations(attestationsFolder(lockFile), keys)
    for (const { file, reason } of refused) io.err(`${file} is left out: ${reason}\n`)
    const serialNumber = `urn:uuid:${randomUUID()}`
    io.out(bomOf({ lock, attestations, version: io.version, serialNumber, now: new Date() }))
    return 0
  },
}
