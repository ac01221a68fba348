/**
 * What signs capability tokens: Ed25519 keys (RFC 8032) in one file beside the key file, mode 0600. The first is made
 * when the first token is. Each signs for as long as the policy says, and proves what it signed for as long as that
 * may live. Gateways that share the folder accept each other's tokens at once.
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import Type, { type Static } from 'typebox'
import Value from 'typebox/value'
import { randomText } from '../../core/random.ts'
import { replaceFile } from '../../files/atomic.ts'
import { readJsonFile } from '../../files/json.ts'
import { whileLocked } from '../../files/lock.ts'
import { stateOf } from '../../files/state.ts'
import { maxTokenMs } from '../../policy/policy.ts'
import { authorName } from '../author.ts'

const part = Type.String({ pattern: '^[A-Za-z0-9_-]{43}$' })
const entrySchema = Type.Object(
  {
    kid: Type.String({ pattern: '^[0-9A-Za-z]{8}$' }),
    created: Type.Integer({ minimum: 0 }),
    x: part,
    d: part,
    /** What it signed proves nothing any more. */
    void: Type.Optional(Type.Literal(true)),
    /** Who had it made, as they said; absent: it was time for a new one. */
    by: Type.Optional(Type.String({ minLength: 1, maxLength: 128 })),
    /** Who took back what it signed. */
    voidBy: Type.Optional(Type.String({ minLength: 1, maxLength: 128 })),
  },
  { additionalProperties: false },
)
const fileSchema = Type.Object({ keys: Type.Array(entrySchema) }, { additionalProperties: false })

/** A signing key as the file has it; times in epoch milliseconds. */
export type SigningEntry = Static<typeof entrySchema>

/** Whether a value from a file or from Redis is a signing key. */
export function isSigningEntry(value: unknown): value is SigningEntry {
  return Value.Check(entrySchema, value)
}

/** Clocks of gateways may differ so much before a key is thrown away too early. */
export const slackMs = 3_600_000

/** The keys that sign capability tokens. */
export interface SigningKeys {
  /** The key that signs now; made, and the one before it retired, if it is time. */
  current(nowMs: number, rotateMs: number): Promise<{ readonly kid: string; readonly key: KeyObject }>
  /** To verify with. Of a key that is not known the file is read again if it changed: another gateway may have made it. */
  find(kid: string, nowMs: number): KeyObject | undefined
  /** Whether `find` would find it, without making the key. */
  isGood(kid: string, nowMs: number): boolean
  /** Retires the key that signs now. @param isVoid and takes back all that was signed so far */
  rotate(nowMs: number, isVoid: boolean, by?: string): Promise<void>
  /** Reads the file again if it changed. @throws TypeError if it is broken; what is known stays */
  refresh(): void
  /** As a JWK Set (RFC 7517), without what is private. */
  published(nowMs: number): { readonly keys: readonly object[] }
}

/** Names the file of signing keys beside this key file. */
export function signingKeysFile(keysFile: string): string {
  return `${keysFile}.signing.json`
}

/**
 * Opens the signing keys; the first is made when it is needed.
 * @param file asked each time: a policy may name another
 * @param onMade tells others of a key before it signs
 */
export function openSigningKeys(
  file: () => string,
  onMade: () => Promise<void> = async () => {},
): SigningKeys {
  let entries: readonly SigningEntry[] = []
  let seen = ''

  /** A look at the file's state costs some microseconds; unknown `kid`s are anybody's to send. */
  const refresh = () => {
    const path = file()
    const now = `${path} ${stateOf(path)}`
    if (now === seen) return
    entries = readSigningEntries(path)
    seen = now
  }
  const renew = async (nowMs: number, rotateMs: number, isVoid: boolean, by = '') => {
    const path = file()
    await whileLocked(path, () => {
      const known = readSigningEntries(path)
      if (!isVoid && nowMs - (signer(known)?.created ?? Number.NEGATIVE_INFINITY) < rotateMs) return
      const before = isVoid ? known.map((entry) => voided(entry, by)) : known
      writeSigningEntries(path, liveSigningEntries([...before, made(nowMs, by)], nowMs))
    })
    refresh()
    await onMade()
  }

  const good = (kid: string, nowMs: number): SigningEntry | undefined => {
    const known = () => entries.find((entry) => entry.kid === kid)
    if (!known()) attempt(refresh)
    const found = known()
    return found && !found.void && liveSigningEntries(entries, nowMs).includes(found) ? found : undefined
  }

  return {
    refresh,
    async current(nowMs, rotateMs) {
      refresh()
      const last = signer(entries)
      if (!last || nowMs - last.created >= rotateMs) await renew(nowMs, rotateMs, false)
      const { kid, x, d } = signer(entries) as SigningEntry
      return { kid, key: createPrivateKey({ format: 'jwk', key: { kty: 'OKP', crv: 'Ed25519', x, d } }) }
    },
    isGood: (kid, nowMs) => good(kid, nowMs) !== undefined,
    find(kid, nowMs) {
      const found = good(kid, nowMs)
      return found && createPublicKey({ format: 'jwk', key: { kty: 'OKP', crv: 'Ed25519', x: found.x } })
    },
    rotate: (nowMs, isVoid, by) => renew(nowMs, 0, isVoid, by),
    published(nowMs) {
      attempt(refresh)
      return {
        keys: liveSigningEntries(entries, nowMs)
          .filter((entry) => !entry.void)
          .map(({ kid, x }) => ({ kty: 'OKP', crv: 'Ed25519', alg: 'EdDSA', use: 'sig', kid, x })),
      }
    },
  }
}

/** A file that is broken is told of when it is reloaded; what is known of it stays. */
function attempt(read: () => void): void {
  try {
    read()
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
  }
}

/** Drops those whose last token cannot live any more; the oldest first. */
export function liveSigningEntries(entries: readonly SigningEntry[], nowMs: number): readonly SigningEntry[] {
  const inOrder = entries.toSorted((a, b) => a.created - b.created || (a.kid < b.kid ? -1 : 1))
  return inOrder.filter((_, index) => {
    const next = inOrder[index + 1]
    return !next || nowMs - next.created < maxTokenMs + slackMs
  })
}

function signer(entries: readonly SigningEntry[]): SigningEntry | undefined {
  const last = entries.at(-1)
  return last?.void ? undefined : last
}

/** Replaces the file. To be called under its lock. @param entries the oldest first: the last one signs */
export function writeSigningEntries(file: string, entries: readonly SigningEntry[]): void {
  replaceFile(file, `${JSON.stringify({ keys: entries })}\n`)
}

function made(nowMs: number, by: string): SigningEntry {
  const { x = '', d = '' } = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' })
  const author = authorName(by)
  return { kid: randomText(8), created: nowMs, x, d, ...(author === '' ? {} : { by: author }) }
}

function voided(entry: SigningEntry, by: string): SigningEntry {
  const author = authorName(by)
  if (entry.void) return entry
  return { ...entry, void: true, ...(author === '' ? {} : { voidBy: author }) }
}

/** Reads the file of signing keys. @throws TypeError if the file is not what it should be */
export function readSigningEntries(file: string): readonly SigningEntry[] {
  return (
    readJsonFile(file, 'signing keys', (value) =>
      Value.Check(fileSchema, value) ? value.keys : undefined,
    ) ?? []
  )
}
