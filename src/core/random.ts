/**
 * Random bytes from the system's generator (Web Crypto, in Node and in browsers), as texts. They are asked for some
 * thousand at a time, because each question costs a microsecond, and are wiped where they were kept once they are used.
 */

const pool = new Uint8Array(4096)
let at = pool.length

const hexDigits = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))
const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** Makes hex digits, two for each of `count` random bytes. */
export function randomHex(count: number): string {
  let text = ''
  for (const byte of take(count)) text += hexDigits[byte]
  return text
}

/** Makes `length` letters and digits. Uniform: bytes that would favour the first letters are thrown away. */
export function randomText(length: number): string {
  let text = ''
  while (text.length < length)
    for (const byte of take(length)) if (byte < 248 && text.length < length) text += alphabet[byte % 62]
  return text
}

/** @throws RangeError for more than the pool holds */
function take(count: number): Uint8Array {
  if (count > pool.length) throw new RangeError(`at most ${pool.length} random bytes at a time`)
  if (at + count > pool.length) {
    crypto.getRandomValues(pool)
    at = 0
  }
  const taken = pool.slice(at, at + count)
  pool.fill(0, at, at + count)
  at += count
  return taken
}
