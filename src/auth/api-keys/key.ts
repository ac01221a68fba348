/**
 * The form of an API key: `tw_<public id>_<secret>_<checksum>`.
 *
 * The id finds the key in the file, the secret (256 bits) proves it, the checksum refuses typing errors and
 * guesses without a look at any file, and lets secret scanners know a real key when they see one.
 */
import { hash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { randomText } from '../../core/random.ts'

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const form = /^tw_([0-9A-Za-z]{4,32})_([0-9A-Za-z]{32,64})_([0-9A-Za-z]{6})$/

/** A key that was just made. */
export interface NewKey {
  readonly id: string
  /** The whole key; shown once, stored never. */
  readonly key: string
}

/** Makes a key with 256 random bits. */
export function mintKey(id = randomText(12)): NewKey {
  const body = `tw_${id}_${randomText(43)}`
  return { id, key: `${body}_${checksum(body)}` }
}

/** Reads the public id of a well-formed key with a right checksum, else undefined. */
export function keyId(key: string): string | undefined {
  const match = form.exec(key)
  if (!match) return undefined
  const body = key.slice(0, key.lastIndexOf('_'))
  return match[3] === checksum(body) ? match[1] : undefined
}

/** Digests a key as the file keeps it: SHA-256, which is enough for 256 random bits. */
export function hashKey(key: string): Buffer {
  return hash('sha256', key, 'buffer')
}

function checksum(body: string): string {
  let rest = crc32(body)
  let text = ''
  for (let digit = 0; digit < 6; digit++) {
    text = alphabet[rest % 62] + text
    rest = Math.floor(rest / 62)
  }
  return text
}
