/**
 * The request target, in a form that no two routers can read differently (RFC 9112, 3.2.1, origin form): plain characters,
 * no escapes, no dot segments, no empty segments. The query is dropped, and reaches no model server.
 */

import type { IncomingMessage } from 'node:http'
import type { Policy } from '../../policy/policy.ts'
import { peerOf } from './connections.ts'

const plain = /^(?:\/[A-Za-z0-9_~:@!$&'()*+,=-][A-Za-z0-9._~:@!$&'()*+,=-]*)+$|^\/$/
const maxLength = 512

/** Returns the path without its query, or undefined if it could be read in two ways. */
export function plainPath(target: string): string | undefined {
  const query = target.indexOf('?')
  const path = query === -1 ? target : target.slice(0, query)
  return path.length <= maxLength && plain.test(path) ? path : undefined
}

/**
 * Returns a request's target without `listen.prefix`, or undefined if it is not below that. A proxy that is named in
 * `door.proxies` may have taken the prefix away, which it says by `X-Forwarded-Prefix`.
 * @param target as it was received
 */
export function belowPrefix(
  target: string,
  { socket, headers }: IncomingMessage,
  { listen: { prefix }, door }: Pick<Policy, 'listen' | 'door'>,
): string | undefined {
  if (prefix === '') return target
  if (target.startsWith(prefix)) {
    const rest = target.slice(prefix.length)
    if (rest === '' || rest.startsWith('?')) return `/${rest}`
    if (rest.startsWith('/')) return rest
  }
  const isTakenAway = headers['x-forwarded-prefix'] === prefix && door.proxies.hold(peerOf(socket, door))
  return isTakenAway ? target : undefined
}

/** The path to which other targets are routed: no dialect declares it, and no plain path equals it. */
export const unroutablePath = '/.'
