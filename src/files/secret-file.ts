/** Keys of digests that a log is full of, each in a small file beside others. */
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { replaceFile } from './atomic.ts'

const keyForm = /^[0-9a-f]{64}\n?$/

/** Reads a key, and makes it if there is none. @throws what `fs` throws, and for a file that holds no key */
export function keyIn(file: string): Buffer {
  if (!existsSync(file)) replaceFile(file, `${randomBytes(32).toString('hex')}\n`)
  const text = readFileSync(file, 'utf8')
  if (!keyForm.test(text)) throw new Error(`${file} holds no key of 32 bytes in hexadecimal`)
  return Buffer.from(text.trim(), 'hex')
}
