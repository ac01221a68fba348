/**
 * The request target, read in the only way two routers cannot disagree about (RFC 9112, 3.2.1, origin form):
 * plain characters, no escapes, no dot segments, no empty ones. The query is dropped: nobody behind the gate
 * gets to read one.
 */

const plain = /^(?:\/[A-Za-z0-9_~:@!$&'()*+,=-][A-Za-z0-9._~:@!$&'()*+,=-]*)+$|^\/$/
const maxLength = 512

/** The path without its query, or undefined if it could be read in two ways. */
export function plainPath(target: string): string | undefined {
  const query = target.indexOf('?')
  const path = query === -1 ? target : target.slice(0, query)
  return path.length <= maxLength && plain.test(path) ? path : undefined
}

/** Where targets are sent that are not plain; no dialect declares it, and no plain path is it. */
export const unroutablePath = '/.'
