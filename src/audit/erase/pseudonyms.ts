/**
 * Names for masked values that are the same in every record of a log, so that two records can be joined without the
 * value. Keyed, because the few million numbers of a kind could all be tried; whoever has the key beside the log can
 * still try them, and the log tells nothing without it. Compares values as they are written.
 */
import { createHmac } from 'node:crypto'
import type { Pseudonym } from '../../detect/sensitive/mask.ts'
import { readOrMakeKey } from '../../files/secret-file.ts'

const letters = 'abcdefghijklmnopqrstuvwxyz234567'
/** 60 bits: of a million values two have the same name once in two million logs. */
const length = 12

/**
 * Makes what names masked values.
 * @param auditFile the log; the key lies beside it (`.pseudonyms`, 0600) and is made when it is first needed
 * @returns throws what `fs` throws, and for a file that holds no key: another one would part the log in two
 */
export function createPseudonyms(auditFile: string): Pseudonym {
  const file = `${auditFile}.pseudonyms`
  let key: Buffer | undefined
  return (type, value) => {
    key ??= readOrMakeKey(file)
    const digest = createHmac('sha256', key).update(`${type}\0${value}`).digest()
    return `k${[...digest.subarray(0, length)].map((byte) => letters.charAt(byte & 31)).join('')}`
  }
}
