/**
 * Whom the forwarder serves: programs on this machine. A page in a browser could reach it too, and would use the
 * key: by a name that it lets point to this machine (DNS rebinding) or from another site. Such requests are refused.
 *
 * Not caught: any program of any user on this machine; whoever may connect here has the key's rights.
 */
import type { IncomingHttpHeaders } from 'node:http'
import { isLoopback } from '../policy/address.ts'

/** @returns why it is refused, in a sentence */
export function refusalOf(headers: IncomingHttpHeaders): string | undefined {
  const { host, origin } = headers
  if (host === undefined || !isOurs(`http://${host}`)) return 'The Host header must name this machine.'
  // Extensions, sandboxed pages and files have origins that are no address; `null` is one of them.
  if (origin !== undefined && !isOurs(origin)) return 'Requests of web pages are refused.'
  if (headers['sec-fetch-site'] === 'cross-site') return 'Requests from another site are refused.'
  return undefined
}

function isOurs(text: string): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, hostname } = new URL(text)
  return /^https?:$/.test(protocol) && isLoopback(hostname.replace(/^\[|\]$/g, ''))
}
