/**
 * Headers of what is passed through, by allowlist in both directions. None of a client's credentials is among them, nor
 * `Cookie` and `Set-Cookie`: the origin is the gateway's, not the model server's.
 */
import type { IncomingMessage } from 'node:http'
import { Refusal } from '../../../core/refusal.ts'
import { httpOrigin } from '../../../policy/address.ts'
import type { PassThroughRule, Policy } from '../../../policy/policy.ts'
import { peerOf } from '../connections.ts'
import { plainPath } from '../request-target.ts'

const requestHeaders = [
  'accept',
  'accept-encoding',
  'accept-language',
  'cache-control',
  'content-encoding',
  'content-language',
  'content-length',
  'content-type',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'last-event-id',
  'range',
] as const

const responseHeaders = [
  'accept-ranges',
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-length',
  'content-range',
  'content-security-policy',
  'content-type',
  'etag',
  'expires',
  'last-modified',
  'permissions-policy',
  'referrer-policy',
  'retry-after',
  'vary',
  'x-frame-options',
] as const

/** Headers by lower-case name, of which a repeated one has several values. */
type Received = Readonly<Record<string, string | string[] | undefined>>

/**
 * Returns what the model server gets of the client's headers, and where the client finds it.
 * @param base path of the pass-through as clients see it
 */
export function passedRequestHeaders(
  { headers, method, socket }: IncomingMessage,
  base: string | undefined,
  door: Policy['door'],
): Record<string, string> {
  const passed = pick(headers, requestHeaders)
  if (method === 'GET' || method === 'HEAD') delete passed['content-length']
  const { host, 'x-forwarded-proto': said } = headers
  const isProxy = door.proxies.hold(peerOf(socket, door))
  const isTls = 'encrypted' in socket || (isProxy && said === 'https')
  passed['x-forwarded-proto'] = isTls ? 'https' : 'http'
  // LocalAI builds the links of its pages from these (its core/http/middleware/baseurl.go).
  if (host !== undefined && /^(?:[a-z0-9.-]{1,253}|\[[0-9a-f:.]{2,45}\])(?::\d{1,5})?$/i.test(host))
    passed['x-forwarded-host'] = host
  if (base !== undefined) passed['x-forwarded-prefix'] = base
  return passed
}

/** Returns what the client gets of the model server's headers, without `location`. */
export function passedResponseHeaders(headers: Received): Record<string, string> {
  return pick(headers, responseHeaders)
}

function pick(headers: Received, names: readonly string[]): Record<string, string> {
  const picked: Record<string, string> = {}
  for (const name of names) {
    const value = headers[name]
    // Two of one name are never right here: either may be the one that a program believes.
    if (typeof value === 'string') picked[name] = value
  }
  return picked
}

/** Where a pass-through is, on both sides. */
export interface Place {
  readonly rule: PassThroughRule
  /** Its path as clients see it: with `listen.prefix`, without a slash at its end. */
  readonly base: string
  /** The path at the model server that was asked for. */
  readonly path: string
}

/**
 * Rewrites where a response leads (RFC 9110, 10.2.2), if that is below the pass-through.
 * @throws Refusal `upstream_failed` if it leads out of it
 */
export function passedLocation(location: string, { rule, base, path }: Place): string {
  const origin = httpOrigin(rule.upstream)
  const from = `${origin}${path}`
  const to = URL.canParse(location, from) ? new URL(location, from) : undefined
  const below = to?.origin === origin ? belowBase(to.pathname, rule) : undefined
  if (to && below !== undefined) return `${base}${below}${to.search}`
  throw new Refusal('upstream_failed', {
    say: 'The model server redirects to a place outside of the pass-through.',
    detail: 'a redirect leads out of the pass-through',
  })
}

/** What follows the base in a path at the model server; undefined: it is not below it, or not plain. */
function belowBase(path: string, { prefix, stripPrefix }: PassThroughRule): string | undefined {
  const plain = path === '/' ? '/' : plainPath(path.endsWith('/') ? path.slice(0, -1) : path)
  if (plain === undefined) return undefined
  if (stripPrefix) return path
  return path === prefix || path.startsWith(`${prefix}/`) ? path.slice(prefix.length) : undefined
}

/**
 * Refuses what another site has a browser send: browsers add a certificate or a Basic password by themselves (Fetch
 * Metadata, 2.3). Reading is harmless, because its scripts do not see the response.
 * @throws Refusal `route_not_allowed`
 */
export function requireOwnSite({ headers, method }: IncomingMessage, origins: readonly string[]): void {
  if (method === 'GET' || method === 'HEAD') return
  const { origin, host } = headers
  const site = headers['sec-fetch-site']
  const isNamed = origin !== undefined && origins.includes(origin)
  const isOwnOrigin = origin === undefined || (URL.canParse(origin) && new URL(origin).host === host)
  const isOwn = isOwnOrigin && (site === undefined || site === 'same-origin' || site === 'none')
  if (!isNamed && !isOwn)
    throw new Refusal('route_not_allowed', { say: 'Pages of other sites may not change anything here.' })
}
