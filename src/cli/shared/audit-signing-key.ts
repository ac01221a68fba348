/** The private key of the audit log, for commands that sign with it. */
import type { KeyObject } from 'node:crypto'
import { existsSync } from 'node:fs'
import { errorCode } from '../../core/error-code.ts'
import { openSigningKey } from '../../files/signing-key.ts'
import type { Io } from '../command.ts'

/**
 * Reads the key that signs the audit log. One that is not there is not made: what it signed would prove nothing of the log.
 * @returns undefined if there is none, or it cannot be used, of which the user is told
 */
export async function auditSigningKey(auditFile: string, io: Io): Promise<KeyObject | undefined> {
  const path = `${auditFile}.key`
  if (!existsSync(path)) return undefined
  try {
    return await openSigningKey(path)
  } catch (error) {
    io.err(`${path} cannot be used: ${errorCode(error) || 'it is no Ed25519 key'}\n`)
    return undefined
  }
}
