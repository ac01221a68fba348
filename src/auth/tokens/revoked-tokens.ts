/**
 * Tokens that were revoked before their time, beside the key file: JSON, mode 0600, replaced whole. An entry is dropped
 * when its token could not live any more, so the file stays small.
 */
import Type, { type Static } from 'typebox'
import Value from 'typebox/value'
import { tokenIdPattern } from '../../core/token-id.ts'
import { replaceFile } from '../../files/atomic.ts'
import { readJsonFile } from '../../files/json.ts'
import { whileLocked } from '../../files/lock.ts'
import { maxTokenMs } from '../../policy/policy.ts'
import { authorName } from '../author.ts'
import { slackMs } from './signing-keys.ts'

const entrySchema = Type.Object(
  {
    id: Type.String({ pattern: tokenIdPattern }),
    revoked: Type.Integer({ minimum: 0 }),
    /** Who revoked it, as they said. */
    by: Type.Optional(Type.String({ minLength: 1, maxLength: 128 })),
  },
  { additionalProperties: false },
)
const fileSchema = Type.Object({ tokens: Type.Array(entrySchema) }, { additionalProperties: false })
/** `revoked` in epoch milliseconds. */
export type RevokedToken = Static<typeof entrySchema>

/** Whether a value from a file or from Redis is a revoked token. */
export function isRevokedToken(value: unknown): value is RevokedToken {
  return Value.Check(entrySchema, value)
}

/** Names the file of revoked tokens beside this key file. */
export function revokedTokensFile(keysFile: string): string {
  return `${keysFile}.revoked.json`
}

/**
 * Reads the file of revoked tokens.
 * @returns none if there is no file.
 * @throws TypeError if it is not what it should be
 */
export function readRevokedTokens(file: string): readonly RevokedToken[] {
  return (
    readJsonFile(file, 'revoked tokens', (value) =>
      Value.Check(fileSchema, value) ? value.tokens : undefined,
    ) ?? []
  )
}

/** Drops those that could not live any more. */
export function liveRevokedTokens(tokens: readonly RevokedToken[], nowMs: number): readonly RevokedToken[] {
  return tokens.filter(({ revoked }) => nowMs - revoked < maxTokenMs + slackMs)
}

/** Replaces the file. To be called under its lock. */
export function writeRevokedTokens(file: string, tokens: readonly RevokedToken[]): void {
  replaceFile(file, `${JSON.stringify({ tokens })}\n`)
}

/** Refuses a token from now on, and every one made from it. */
export function revokeToken(file: string, id: string, nowMs: number, by = ''): Promise<void> {
  return whileLocked(file, () => {
    const others = readRevokedTokens(file).filter((each) => each.id !== id)
    const author = authorName(by)
    const revoked = { id, revoked: nowMs, ...(author === '' ? {} : { by: author }) }
    writeRevokedTokens(file, [...liveRevokedTokens(others, nowMs), revoked])
  })
}
