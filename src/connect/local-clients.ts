/**
 * Whom the forwarder serves: programs on this machine, and on the networks of `--allow`. A page in a browser could reach
 * it too, and would use the key: by a name that it lets point to this machine (DNS rebinding), or from another site. Of
 * pages only those of the origins of `--origin` are served.
 *
 * Not caught: any program of any user on these machines; whoever may connect here has the key's rights.
 */
import type { IncomingHttpHeaders } from 'node:http'
import { isLoopback } from '../policy/address.ts'
import type { Networks } from '../policy/networks.ts'

export interface AllowedClients {
  /** Origins of web pages, as browsers write them. */
  readonly origins: ReadonlySet<string>
  /** Beside this machine. */
  readonly networks: Networks
}

/** What containers call the machine that they run on: no page's own name can be one of these. */
const hostOfContainers: ReadonlySet<string> = new Set(['host.docker.internal', 'host.containers.internal'])

/** @param address of the other end of a connection */
export function mayConnect(address: string, { networks }: AllowedClients): boolean {
  return isLoopback(address) || networks.hold(address)
}

/**
 * @param local the address of this end, by which others on an allowed network may call it
 * @returns why a request is refused, in a sentence
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
  // A page's links, pictures and forms name no origin; browsers say where they come from. Programs do not.
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

/** What browsers ask before a page may send JSON. @param asked the headers that it wants to send */
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
