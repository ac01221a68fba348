/**
 * The public keys of one issuer of tokens: from a file, or fetched from where the issuer publishes them. Fetched when
 * first asked for, when ten minutes old (behind the callers' backs) and when a token names a key that is not known, at
 * most every two seconds; callers who need it wait for the same fetch. While the issuer is away its last keys hold for
 * a day. No redirect is followed, and an answer has a bound in bytes, keys and time.
 */
import { createPublicKey, type KeyObject } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import {
  type CompactJWSHeaderParameters,
  type CryptoKey,
  createLocalJWKSet,
  errors,
  type JSONWebKeySet,
} from 'jose'
import { Agent } from 'undici'
import { errorCode } from '../../core/error-code.ts'
import type { Intervals } from '../../core/intervals.ts'
import { isObject, type JsonObject, type JsonValue, readJson } from '../../core/json.ts'
import { mayBringKeys } from '../../policy/address.ts'
import type { TokenIssuer } from '../../policy/callers.ts'

const freshMs = 600_000
const staleMs = 86_400_000
const fetchMs = 5000
const maxLength = 256 * 1024
const maxKeys = 100

/** How often keys of issuers are looked at. */
export type IssuerIntervals = Pick<Intervals, 'issuerKeysMs' | 'issuerKeyFileMs'>

/** The public keys of one issuer. */
export interface IssuerKeys {
  /** The key of a token, by its header. @throws KeysUnavailable, or what jose throws where none or several fit */
  keyFor(header: CompactJWSHeaderParameters): Promise<CryptoKey | KeyObject>
  /** Changes whenever the keys do: what was verified before is to be verified again. */
  readonly generation: number
  close(): Promise<void>
}

/** There are none, and none can be had; the message is for the log and holds nothing of any token. */
export class KeysUnavailable extends Error {}

/**
 * Makes what fetches the keys of an issuer, or reads them from a file, when they are needed.
 * @param report told why the keys of an issuer cannot be had
 */
export function createIssuerKeys(
  issuer: TokenIssuer,
  nowMs: () => number,
  intervals: IssuerIntervals,
  report: (problem: string) => void,
): IssuerKeys {
  return issuer.publicKey === undefined
    ? published(issuer, nowMs, intervals.issuerKeysMs, report)
    : kept(issuer.publicKey, nowMs, intervals.issuerKeyFileMs, report)
}

function kept(
  path: string,
  nowMs: () => number,
  fileLookMs: number,
  report: (problem: string) => void,
): IssuerKeys {
  let key: KeyObject | undefined
  let state = ''
  let lookedMs = Number.NEGATIVE_INFINITY
  let generation = 0
  const look = () => {
    if (nowMs() - lookedMs < fileLookMs) return
    lookedMs = nowMs()
    const stat = statSync(path, { throwIfNoEntry: false })
    const now = `${stat?.mtimeMs} ${stat?.size} ${stat?.ino}`
    if (now === state) return
    state = now
    try {
      key = createPublicKey(readFileSync(path))
      generation++
    } catch {
      report('cannot read its public key file; the previous key stays in use')
    }
  }
  return {
    async keyFor() {
      look()
      if (key === undefined) throw new KeysUnavailable('there is no public key')
      return key
    },
    get generation() {
      look()
      return generation
    },
    close: async () => {},
  }
}

function published(
  issuer: TokenIssuer,
  nowMs: () => number,
  apartMs: number,
  report: (problem: string) => void,
): IssuerKeys {
  const agent = new Agent({
    connections: 2,
    connect: { timeout: fetchMs, ...(issuer.ca === undefined ? {} : { ca: issuer.ca }) },
  })
  let text = ''
  let find: ReturnType<typeof createLocalJWKSet> | undefined
  let fetchedMs = Number.NEGATIVE_INFINITY
  let attemptedMs = Number.NEGATIVE_INFINITY
  let generation = 0
  let running: Promise<void> | undefined

  const fetchKeys = async () => {
    attemptedMs = nowMs()
    const url = issuer.jwksUrl ?? (await discover(agent, issuer.issuer))
    const keys = publicKeysIn(await fetchJson(agent, url))
    fetchedMs = nowMs()
    const now = JSON.stringify(keys)
    if (now === text) return
    text = now
    find = createLocalJWKSet(keys)
    generation++
  }
  /** One for all who wait. It never rejects: what is known then is what is known. */
  const refresh = () => {
    running ??= wait(attemptedMs + apartMs - nowMs())
      .then(fetchKeys)
      .catch((error: unknown) => report(`its keys cannot be fetched: ${problemOf(error)}`))
      .finally(() => {
        running = undefined
      })
    return running
  }
  const known = () => (nowMs() - fetchedMs < staleMs ? find : undefined)

  return {
    async keyFor(header) {
      if (known() === undefined) await refresh()
      else if (nowMs() - fetchedMs > freshMs && nowMs() - attemptedMs > apartMs) void refresh()
      const before = known()
      if (!before) throw new KeysUnavailable('its keys are unavailable')
      try {
        return await before(header)
      } catch (error) {
        if (!(error instanceof errors.JWKSNoMatchingKey)) throw error
        await refresh()
        return (known() ?? before)(header)
      }
    },
    get generation() {
      return known() === undefined ? -1 : generation
    },
    close: () => agent.destroy(),
  }
}

function wait(ms: number): Promise<void> {
  return ms > 0 ? new Promise((resolve) => setTimeout(resolve, ms).unref()) : Promise.resolve()
}

/** OpenID Connect Discovery 1.0, section 4: what is found there must be the issuer's own. */
async function discover(agent: Agent, issuer: string): Promise<string> {
  const found = await fetchJson(agent, `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`)
  if (found.issuer !== issuer) throw new KeysUnavailable('its discovery document is of another issuer')
  if (typeof found.jwks_uri !== 'string' || !mayBringKeys(found.jwks_uri))
    throw new KeysUnavailable('its discovery document has no key set URL that is https or on loopback')
  return found.jwks_uri
}

async function fetchJson(agent: Agent, url: string): Promise<JsonObject> {
  const { origin, pathname, search } = new URL(url)
  const signal = AbortSignal.timeout(fetchMs)
  const headers = { accept: 'application/json', 'user-agent': 'torwart' }
  const path = pathname + search
  const { statusCode, body } = await agent.request({ origin, path, method: 'GET', headers, signal })
  let text = ''
  for await (const piece of body.setEncoding('utf8')) {
    text += piece
    if (text.length > maxLength) throw new KeysUnavailable('the answer is too long')
  }
  if (statusCode !== 200) throw new KeysUnavailable(`the response has status ${statusCode}`)
  const value = readJson(text)
  if (!isObject(value)) throw new KeysUnavailable('the response is not a JSON object')
  return value
}

/** A secret that somebody published by mistake must never verify anything. */
function publicKeysIn({ keys }: JsonObject): JSONWebKeySet {
  if (!Array.isArray(keys) || keys.length > maxKeys)
    throw new KeysUnavailable('the response is not a key set, or is too large')
  const isPublic = (key: JsonValue): key is JsonObject & { kty: string } =>
    isObject(key) && typeof key.kty === 'string' && ['EC', 'RSA', 'OKP'].includes(key.kty)
  return { keys: keys.filter(isPublic) }
}

function problemOf(error: unknown): string {
  if (error instanceof KeysUnavailable) return error.message
  return errorCode(error) || (error instanceof Error ? error.name : 'not an Error')
}
