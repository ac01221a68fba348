/**
 * The request target, in a form that no two routers can read differently (RFC 9112, 3.2.1, origin form): plain characters,
 * no escapes, no dot segments, no empty segments. The query is dropped, and reaches no model server.
 */

const plain = /^(?:\/[A-Za-z0-9_~:@!$&'()*+,=-][A-Za-z0-9._~:@!$&'()*+,=-]*)+$|^\/$/
const maxLength = 512

/** Returns the path without its query, or undefined if it could be read in two ways. */
export function plainPath(target: string): string | undefined {
  const query = target.indexOf('?')
  const path = query === -1 ? target : target.slice(0, query)
  return path.length <= maxLength && plain.test(path) ? path : undefined
}

/** The path to which other targets are routed: no dialect declares it, and no plain path equals it. */
export const unroutablePath = '/.'
