/**
 * Authenticates requests to the admin listener. `/livez` and `/readyz` are public. Any other request must address the
 * listener by one of its names (which defeats DNS rebinding), come from no other origin, and carry the admin token unless
 * the listener is on loopback; requests that change something always need the token. Approvers may use their own API key
 * instead, on routes that check it.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import { isIP } from 'node:net'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Policy } from '../../policy/policy.ts'
import type { AdminLogins } from './admin-logins.ts'
import { isConfidential, isQuestion } from './route-kinds.ts'

const publicPaths = new Set(['/livez', '/readyz'])

/**
 * Registers the check.
 * @param acceptsApiKeys tells whether the route of a path checks API keys itself
 */
export function registerAdminAuth(
  app: FastifyInstance,
  { loopback, token, hosts }: Policy['admin'],
  acceptsApiKeys: (path: string) => boolean,
  logins: AdminLogins,
): void {
  const names = new Set(['localhost', ...hosts.map((host) => host.toLowerCase())])
  app.addHook('onRequest', async (request, reply) => {
    const path = request.url.split('?', 1)[0] ?? ''
    if (publicPaths.has(path)) return undefined
    const host = hostName(request.headers.host)
    if (host === undefined || !(names.has(host) || isIP(host) !== 0))
      return refuse(reply, 403, 'The admin listener does not accept this host name. Add it to `admin.hosts`.')
    if (!isSameOrigin(request)) return refuse(reply, 403, 'Requests from other origins are refused.')
    if (acceptsApiKeys(path) && bearerOf(request)?.startsWith('tw_')) return undefined
    // Any process on this machine may read; only the token may change something.
    const changes = !isQuestion(request.method, path)
    if (changes && token === undefined) return refuse(reply, 403, 'Changes need `admin.token` in the policy.')
    if (isConfidential(path) && token === undefined)
      return refuse(reply, 403, 'This needs `admin.token` in the policy.')
    const needsToken = !loopback || token !== undefined
    if (!needsToken || carriesToken(request, token)) return undefined
    const isMissing = request.headers.authorization === undefined
    return logins.refuse(request, reply, isMissing ? 'admin token missing' : 'admin token wrong')
  })
}

function refuse(reply: FastifyReply, status: number, error: string): FastifyReply {
  return reply.code(status).send({ error })
}

/** Returns the host in lower case, without the port and the brackets of IPv6. */
function hostName(header: string | undefined): string | undefined {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^:[\]]+))(?::\d{1,5})?$/i.exec(header ?? '')
  return (match?.[1] ?? match?.[2])?.toLowerCase()
}

function isSameOrigin({ headers }: FastifyRequest): boolean {
  const { origin, host } = headers
  return origin === undefined || origin === `http://${host}` || origin === `https://${host}`
}

/** Returns the credential of an `Authorization: Bearer` header (RFC 6750, 2.1), if there is one. */
export function bearerOf({ headers }: FastifyRequest): string | undefined {
  return /^bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1]
}

function carriesToken(request: FastifyRequest, token: string | undefined): boolean {
  const shown = bearerOf(request)
  if (shown === undefined || token === undefined) return false
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(shown), digest(token))
}
