/**
 * The credential of a request, from its headers as they came in (a list in which no repeated one is lost).
 *
 * `Authorization: Bearer`, `Authorization: Basic` with the key as password (RFC 7617), `x-api-key`, `api-key`.
 * The same credential twice is one; two different ones are refused, because the gate and whatever stands
 * before it might each believe another.
 */
import type { CredentialFault } from './identity.ts'

/** Of a credential, in characters: a token that lists its bearer's groups is long; Node takes 16 KB of headers in all. */
export const maxCredentialLength = 8192

/**
 * Finds the one credential of a request.
 * @param rawHeaders name, value, name, value …, as Node gives them
 * @returns the credential, or why there is none
 */
export function presentedCredential(rawHeaders: readonly string[]): { credential: string } | CredentialFault {
  let found: string | undefined
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const value = credentialOf(rawHeaders[at] as string, (rawHeaders[at + 1] as string).trim())
    if (value === undefined) continue
    if (value === '' || value.length > maxCredentialLength) return 'malformed'
    if (found !== undefined && found !== value) return 'several'
    found = value
  }
  return found === undefined ? 'missing' : { credential: found }
}

/** Undefined: this header carries none. Empty: it carries one that cannot be read. */
function credentialOf(header: string, value: string): string | undefined {
  // An empty header is what a client without a key makes of its configuration.
  if (value === '') return undefined
  // Only three names matter, and their lengths tell most others apart without a copy.
  if (header.length === 13 && header.toLowerCase() === 'authorization') return fromAuthorization(value)
  if (header.length === 9 && header.toLowerCase() === 'x-api-key') return value
  if (header.length === 7 && header.toLowerCase() === 'api-key') return value
  return undefined
}

function fromAuthorization(value: string): string {
  const match = /^(\S+) +(\S+)$/.exec(value)
  const scheme = match?.[1]?.toLowerCase()
  const rest = match?.[2] ?? ''
  if (scheme === 'bearer') return rest
  if (scheme !== 'basic') return ''
  const pair = Buffer.from(rest, 'base64').toString('utf8')
  const colon = pair.indexOf(':')
  return colon === -1 ? '' : pair.slice(colon + 1)
}
