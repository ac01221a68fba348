/**
 * What signs capability tokens: Ed25519 keys (RFC 8032) in one file beside the key file, mode 0600. The first is made
 * when the first token is. Each signs for as long as the policy says, and proves what it signed for as long as that
 * may live. Gateways that share the folder accept each other's tokens at once.
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { existsSync, readFileSync, statSync } from 'node:fs'
import Type, { type Static } from 'typebox'
import Value from 'typebox/value'
import { replaceFile } from '../files/atomic.ts'
import { whileLocked } from '../files/lock.ts'
import { longestTokenMs } from '../policy/policy.ts'
import { randomText } from './key.ts'

const part = Type.String({ pattern: '^[A-Za-z0-9_-]{43}$' })
const entrySchema = Type.Object(
  {
    kid: Type.String({ pattern: '^[0-9A-Za-z]{8}$' }),
    created: Type.Integer({ minimum: 0 }),
    x: part,
    d: part,
  },
  { additionalProperties: false },
)
const fileSchema = Type.Object({ keys: Type.Array(entrySchema) }, { additionalProperties: false })
export type SigningEntry = Static<typeof entrySchema>

export function isSigningEntry(value: unknown): value is SigningEntry {
  return Value.Check(entrySchema, value)
}

/** Clocks of gateways that share the file may differ so much before a token's key is thrown away too early. */
const slackMs = 3_600_000

export interface SigningKeys {
  /** The key that signs now; made, and the one before it retired, if it is time. */
  current(nowMs: number, rotateMs: number): Promise<{ readonly kid: string; readonly key: KeyObject }>
  /** To verify with. Reads the file again if it changed since: another gateway may have made a key. */
  find(kid: string): KeyObject | undefined
  /** Retires the key that signs now. */
  rotate(nowMs: number): Promise<void>
  /** As a JWK Set (RFC 7517), without what is private. */
  published(): { readonly keys: readonly object[] }
}

export function signingKeysFile(keysFile: string): string {
  return `${keysFile}.signing.json`
}

export function openSigningKeys(file: string): SigningKeys {
  let entries: readonly SigningEntry[] = []
  let seen = ''

  /** A look at the file's state costs some microseconds; unknown `kid`s are anybody's to send. */
  const refresh = () => {
    const state = statSync(file, { throwIfNoEntry: false })
    const now = state ? `${state.mtimeMs} ${state.ino} ${state.size}` : ''
    if (now === seen) return
    entries = readSigningEntries(file)
    seen = now
  }
  const renew = (nowMs: number, rotateMs: number) =>
    whileLocked(file, () => {
      entries = readSigningEntries(file)
      if (nowMs - (entries.at(-1)?.created ?? Number.NEGATIVE_INFINITY) < rotateMs) return
      // One is needed until the last token of the one before the next cannot live any more.
      const kept = entries.filter((_, index) => {
        const next = entries[index + 1]
        return !next || nowMs - next.created < longestTokenMs + slackMs
      })
      writeSigningEntries(file, [...kept, made(nowMs)])
      refresh()
    })

  return {
    async current(nowMs, rotateMs) {
      refresh()
      const last = entries.at(-1)
      if (!last || nowMs - last.created >= rotateMs) await renew(nowMs, rotateMs)
      const { kid, x, d } = entries.at(-1) as SigningEntry
      return { kid, key: createPrivateKey({ format: 'jwk', key: { kty: 'OKP', crv: 'Ed25519', x, d } }) }
    },
    find(kid) {
      const known = () => entries.find((entry) => entry.kid === kid)
      if (!known()) refresh()
      const found = known()
      return found && createPublicKey({ format: 'jwk', key: { kty: 'OKP', crv: 'Ed25519', x: found.x } })
    },
    rotate: (nowMs) => renew(nowMs, 0),
    published() {
      refresh()
      return {
        keys: entries.map(({ kid, x }) => ({ kty: 'OKP', crv: 'Ed25519', alg: 'EdDSA', use: 'sig', kid, x })),
      }
    },
  }
}

/** To be called while nobody else changes the file. The last one signs. */
export function writeSigningEntries(file: string, entries: readonly SigningEntry[]): void {
  replaceFile(file, `${JSON.stringify({ keys: entries.toSorted((a, b) => a.created - b.created) })}\n`)
}

function made(nowMs: number): SigningEntry {
  const { x = '', d = '' } = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' })
  return { kid: randomText(8), created: nowMs, x, d }
}

/** @throws TypeError if the file is not what it should be */
export function readSigningEntries(file: string): readonly SigningEntry[] {
  if (!existsSync(file)) return []
  try {
    const value: unknown = JSON.parse(readFileSync(file, 'utf8'))
    if (Value.Check(fileSchema, value)) return value.keys
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
  }
  throw new TypeError(`${file} is no file of signing keys`)
}
