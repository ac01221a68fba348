/**
 * Authenticates requests to the admin listener. `/livez` and `/readyz` are public. Any other request must address the
 * listener by one of its names (which defeats DNS rebinding) and come from no other origin. `route-rights.ts` says whom a
 * route is for. Who may use it shows the admin token, or has signed in to the console, whose requests must also carry the
 * token of their session against cross-site requests if they change something. Without `admin.token`, on loopback, most
 * can be read without any. Approvers may use their own API key instead, on routes that check it.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import { isIP } from 'node:net'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Policy } from '../../policy/policy.ts'
import type { AdminLogins } from './admin-logins.ts'
import { isReading, type RouteRight, rightOf } from './route-rights.ts'
import { noteSession, type Principal, type Session, type SessionFinder } from './signed-in.ts'

/** The header with which the console's pages prove that a request is theirs. */
export const csrfHeader = 'x-torwart-csrf'

/**
 * Registers the check.
 * @param sessions undefined: there is no console
 */
export function registerAdminAuth(
  app: FastifyInstance,
  { loopback, token, hosts }: Policy['admin'],
  logins: AdminLogins,
  sessions: SessionFinder | undefined,
): void {
  const names = new Set(['localhost', ...hosts.map((host) => host.toLowerCase())])
  app.addHook('onRequest', async (request, reply) => {
    const right = rightOf(request)
    if (right === 'probe') return undefined
    const host = hostName(request.headers.host)
    if (host === undefined || !(names.has(host) || isIP(host) !== 0))
      return refuse(reply, 403, 'The admin listener does not accept this host name. Add it to `admin.hosts`.')
    if (!isSameOrigin(request, right)) return refuse(reply, 403, 'Requests from other origins are refused.')
    if (right === 'anyone') return undefined
    if (right === 'approvals' && bearerOf(request)?.startsWith('tw_')) return undefined
    const session = request.headers.authorization === undefined ? sessions?.of(request) : undefined
    if (session !== undefined) return admitSession(request, reply, session, right)
    // Any process on this machine may read most; only the token may change something.
    const changes = right === 'admin' || (right === 'approvals' && !isReading(request.method))
    if (changes && token === undefined) return refuse(reply, 403, 'Changes need `admin.token` in the policy.')
    if (right === 'read' && token === undefined)
      return refuse(reply, 403, 'This needs `admin.token` in the policy.')
    const needsToken = !loopback || token !== undefined
    if (!needsToken || carriesToken(request, token)) return undefined
    const isMissing = request.headers.authorization === undefined
    return logins.refuse(request, reply, isMissing ? 'admin token missing' : 'admin token wrong')
  })
}

/** Lets a request in that brings a session, if that is good for what it asks. */
function admitSession(
  request: FastifyRequest,
  reply: FastifyReply,
  session: Session | 'over',
  right: RouteRight,
): FastifyReply | undefined {
  if (session === 'over')
    return reply.code(401).send({ error: 'The session is over. Sign in again.', session: 'over' })
  const reading = isReading(request.method)
  if (!mayUse(session.principal, right, reading))
    return refuse(reply, 403, 'Whoever is signed in may not do this.')
  const shown = request.headers[csrfHeader]
  if (!reading && !(typeof shown === 'string' && isSame(shown, session.csrf)))
    return refuse(reply, 403, `Changes need the header ${csrfHeader} with the value of this session.`)
  noteSession(request, session)
  return undefined
}

function mayUse({ rights }: Principal, right: RouteRight, reading: boolean): boolean {
  if (rights.has('admin')) return true
  if (right === 'approvals') return rights.has('approve') || (reading && rights.has('read'))
  return (right === 'local' || right === 'read') && rights.has('read')
}

function refuse(reply: FastifyReply, status: number, error: string): FastifyReply {
  return reply.code(status).send({ error })
}

/** Returns the host in lower case, without the port and the brackets of IPv6. */
function hostName(header: string | undefined): string | undefined {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^:[\]]+))(?::\d{1,5})?$/i.exec(header ?? '')
  return (match?.[1] ?? match?.[2])?.toLowerCase()
}

/**
 * Whether no page of another origin has sent it (Fetch Metadata; browsers that do not send that send `Origin`). A link to
 * a page of the console may stand anywhere: the page has no data, and the cookie does not come along.
 */
function isSameOrigin({ headers, method }: FastifyRequest, right: RouteRight): boolean {
  const { origin, host, 'sec-fetch-site': site, 'sec-fetch-mode': mode } = headers
  if (origin !== undefined && origin !== `http://${host}` && origin !== `https://${host}`) return false
  if (site === undefined || site === 'same-origin' || site === 'none') return true
  return right === 'anyone' && isReading(method) && mode === 'navigate'
}

/** Returns the credential of an `Authorization: Bearer` header (RFC 6750, 2.1), if there is one. */
export function bearerOf({ headers }: FastifyRequest): string | undefined {
  return /^bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1]
}

function carriesToken(request: FastifyRequest, token: string | undefined): boolean {
  const shown = bearerOf(request)
  return shown !== undefined && token !== undefined && isSame(shown, token)
}

/** Compares secrets in constant time, whatever their lengths. */
export function isSame(shown: string, secret: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(shown), digest(secret))
}
