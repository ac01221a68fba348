/**
 * Under what a caller without a key is counted, recorded and frozen: its name, or a digest of it where the name is too
 * long, unprintable or personal. Records and Redis then hold no personal data, and the same caller keeps its id.
 */
import { createHash } from 'node:crypto'
import { findSensitive } from '../detect/sensitive/mask.ts'

const maxLength = 160

/**
 * Makes the id of a caller that an issuer or a certificate names.
 * @param prefix who says so; with its colon no id of a key can be the same
 */
export function callerId(prefix: string, name: string): string {
  return `${prefix}:${presentable(name)}`
}

/** Makes a name that may be logged: the name itself, or `~` and a digest of it. */
export function presentable(name: string): string {
  const isPlain = name.length <= maxLength && !/[\p{C}\p{Z}]/u.test(name) && !name.startsWith('~')
  if (isPlain && findSensitive(name).length === 0) return name
  return `~${createHash('sha256').update(name).digest('hex').slice(0, 32)}`
}
