/** Small files that hold one secret each, for their owner only. */
import { existsSync, readFileSync } from 'node:fs'
import { randomHex } from '../core/random.ts'
import { replaceFile } from './atomic.ts'

const keyBytes = 32
const keyForm = /^[0-9a-f]{64}\n?$/

/** Reads a file's only secret, without the white space around it. @throws what `fs` throws */
export function readSecret(file: string): string {
  return readFileSync(file, 'utf8').trim()
}

/**
 * Reads a key of 32 bytes in hexadecimal, and makes it (mode 0600) if there is none.
 * @throws what `fs` throws, and an Error if the file holds something else
 */
export function readOrMakeKey(file: string): Buffer {
  if (!existsSync(file)) replaceFile(file, `${randomHex(keyBytes)}\n`)
  const text = readFileSync(file, 'utf8')
  if (!keyForm.test(text)) throw new Error(`${file} holds no key of 32 bytes in hexadecimal`)
  return Buffer.from(text.trim(), 'hex')
}
