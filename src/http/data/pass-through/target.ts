/** Targets of requests that are passed through: the strict path of every route, and a query that no record shows. */
import { Refusal } from '../../../core/refusal.ts'
import { plainPath } from '../request-target.ts'

/** Percent signs only as escapes (RFC 3986, 2.1 and 3.4). */
const plainQuery = /^(?:[A-Za-z0-9._~:@!$&'()*+,;=/?-]|%[0-9A-Fa-f]{2})*$/
const maxQueryLength = 4096
/** Under which programs look for a credential (RFC 6750, 2.3): the caller's would reach the model server. */
const credentialName = /(?:^|[&;])(?:access_token|api_?key|api-key)=/i

/**
 * Returns the path without its query if it is plain and below a prefix. Unlike a route of the gateway, it may end with one
 * slash, as folders of web interfaces do.
 */
export function passedPath(target: string, prefixes: readonly string[]): string | undefined {
  const [path = ''] = target.split('?', 1)
  const isFolder = path.length > 1 && path.endsWith('/')
  const plain = plainPath(isFolder ? path.slice(0, -1) : path)
  if (plain === undefined) return undefined
  const isBelow = prefixes.some((prefix) => plain === prefix || plain.startsWith(`${prefix}/`))
  return isBelow ? (isFolder ? `${plain}/` : plain) : undefined
}

/** Returns the query of a target with its `?`, or an empty string. @throws Refusal `invalid_request` */
export function passedQuery(target: string): string {
  const at = target.indexOf('?')
  if (at === -1 || at === target.length - 1) return ''
  const query = target.slice(at + 1)
  if (query.length > maxQueryLength || !plainQuery.test(query))
    throw new Refusal('invalid_request', { say: 'The query of the request is too long or not plain.' })
  if (credentialName.test(query))
    throw new Refusal('invalid_request', { say: 'The query of the request must not contain a credential.' })
  return `?${query}`
}
