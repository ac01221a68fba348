/**
 * Whom the forwarder serves: programs on this machine and in the networks of `--allow`. Web pages could reach it too, and
 * use its credential: under a name that resolves to this machine (DNS rebinding), or from another site. They are refused,
 * except those of the origins in `--origin`.
 *
 * Not detected: programs of other users on these machines. Whoever may connect has the rights of the credential.
 */
import type { IncomingHttpHeaders } from 'node:http'
import { isLoopback } from '../policy/address.ts'
import type { Networks } from '../policy/networks.ts'

/** Who may use the forwarder. */
export interface AllowedClients {
  /** Origins of web pages, as browsers write them. */
  readonly origins: ReadonlySet<string>
  /** The networks that may connect, beside this machine. */
  readonly networks: Networks
}

/** Names of the host in containers, which no web page can have. */
const hostOfContainers: ReadonlySet<string> = new Set(['host.docker.internal', 'host.containers.internal'])

/** Tells whether a peer may connect. @param address of the peer */
export function mayConnect(address: string, { networks }: AllowedClients): boolean {
  return isLoopback(address) || networks.hold(address)
}

/**
 * Returns the message with which a request is refused, or undefined.
 * @param local the local address of the connection, by which allowed networks may address the forwarder
 */
export function refusalOf(
  headers: IncomingHttpHeaders,
  { origins }: AllowedClients,
  local: string,
): string | undefined {
  const { host, origin } = headers
  const name = nameOf(host)
  if (name === undefined || !(isLoopback(name) || name === local || hostOfContainers.has(name)))
    return 'The Host header must name this machine.'
  if (origin !== undefined)
    return origins.has(origin)
      ? undefined
      : 'Requests from web pages are refused, except from origins that --origin names.'
  // Links, images and forms of a page have no `Origin`, but browsers add `Sec-Fetch-Site`. Programs do not.
  const site = headers['sec-fetch-site']
  if (site !== undefined && site !== 'none' && site !== 'same-origin')
    return 'Requests from another site are refused.'
  return undefined
}

function nameOf(host: string | undefined): string | undefined {
  const url = `http://${host}`
  if (host === undefined || !URL.canParse(url)) return undefined
  const { hostname, pathname, username, password } = new URL(url)
  if (pathname !== '/' || username !== '' || password !== '') return undefined
  return hostname.replace(/^\[|\]$/g, '')
}

/** Returns the CORS headers for an allowed origin. @param asked the headers that a preflight asks for */
export function crossOriginHeaders(origin: string, asked?: string): Record<string, string> {
  return {
    'access-control-allow-origin': origin,
    'access-control-expose-headers': '*',
    vary: 'origin',
    ...(asked !== undefined && {
      'access-control-allow-methods': 'GET, HEAD, POST, DELETE',
      'access-control-allow-headers': asked,
      'access-control-max-age': '600',
    }),
  }
}
