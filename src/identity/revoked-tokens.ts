/**
 * Tokens that were revoked before their time, beside the key file: JSON, mode 0600, replaced whole. An entry is dropped
 * when its token could not live any more, so the file stays small.
 */
import { existsSync, readFileSync } from 'node:fs'
import Type, { type Static } from 'typebox'
import Value from 'typebox/value'
import { replaceFile } from '../files/atomic.ts'
import { longestTokenMs } from '../policy/policy.ts'

const entrySchema = Type.Object(
  { id: Type.String({ pattern: '^[0-9A-Za-z]{16}$' }), revoked: Type.Integer({ minimum: 0 }) },
  { additionalProperties: false },
)
const fileSchema = Type.Object({ tokens: Type.Array(entrySchema) }, { additionalProperties: false })
/** `revoked` in epoch milliseconds. */
export type RevokedToken = Static<typeof entrySchema>

export function isTokenId(text: string): boolean {
  return /^[0-9A-Za-z]{16}$/.test(text)
}

export function revokedTokensFile(keysFile: string): string {
  return `${keysFile}.revoked.json`
}

/** @returns none if there is no file. @throws TypeError if it is not what it should be */
export function readRevokedTokens(file: string): readonly RevokedToken[] {
  if (!existsSync(file)) return []
  try {
    const value: unknown = JSON.parse(readFileSync(file, 'utf8'))
    if (Value.Check(fileSchema, value)) return value.tokens
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
  }
  throw new TypeError(`${file} is no file of revoked tokens`)
}

/** To be called while nobody else changes the file. */
export function writeRevokedToken(file: string, id: string, nowMs: number): void {
  const others = readRevokedTokens(file).filter(
    (each) => each.id !== id && nowMs - each.revoked < longestTokenMs,
  )
  replaceFile(file, `${JSON.stringify({ tokens: [...others, { id, revoked: nowMs }] })}\n`)
}
