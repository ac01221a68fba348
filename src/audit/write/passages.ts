/**
 * Digests of passages, by which a record names what a guard found something in. Keyed, because a short passage with a
 * number in it could be found again by trying. The key lies beside the keys, which the gateways of a fleet share: what is
 * accepted at one of them is accepted at all.
 */
import { createHmac } from 'node:crypto'
import { readOrMakeKey } from '../../files/secret-file.ts'

/** Undefined: there is no key, and none can be made. */
export type DigestPassage = (form: string) => string | undefined

/** 144 bits. */
const length = 24

/**
 * Makes what digests passages.
 * @param keysFile the key lies beside it (`.passages`, 0600) and is made when it is first needed
 * @param report told once until it works again
 */
export function createDigestPassage(keysFile: string, report: (error: unknown) => void): DigestPassage {
  let key: Buffer | undefined
  let failing = false
  return (form) => {
    try {
      key ??= readOrMakeKey(`${keysFile}.passages`)
      failing = false
    } catch (error) {
      if (!failing) report(error)
      failing = true
      return undefined
    }
    return createHmac('sha256', key).update(form).digest('base64url').slice(0, length)
  }
}
