/**
 * Who may ask the admin listener. `/livez` and `/readyz` are free. Everything else must be called by a name of
 * this listener (a browser tricked by DNS rebinding calls it by another), not from another page, and with the
 * token as soon as the address is not loopback; to change something, always. Where approvers come with a key instead,
 * the route judges it.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import { isIP } from 'node:net'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Policy } from '../../policy/policy.ts'
import type { AdminLogins } from './admin-logins.ts'

const publicPaths = new Set(['/livez', '/readyz'])

/** @param takesKeys whether a route of this path looks at API keys itself */
export function registerAdminAuth(
  app: FastifyInstance,
  { loopback, token, hosts }: Policy['admin'],
  takesKeys: (path: string) => boolean,
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
    if (takesKeys(path) && bearerOf(request)?.startsWith('tw_')) return undefined
    // Whoever is on this machine may look; changing something takes more than that.
    const changes = request.method !== 'GET' && request.method !== 'HEAD'
    if (changes && token === undefined) return refuse(reply, 403, 'Changes need `admin.token` in the policy.')
    const needsToken = !loopback || token !== undefined
    if (!needsToken || carriesToken(request, token)) return undefined
    const isMissing = request.headers.authorization === undefined
    return logins.refuse(request, reply, isMissing ? 'admin token missing' : 'admin token wrong')
  })
}

function refuse(reply: FastifyReply, status: number, error: string): FastifyReply {
  return reply.code(status).send({ error })
}

/** Lower case, without the port and the brackets of IPv6. */
function hostName(header: string | undefined): string | undefined {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^:[\]]+))(?::\d{1,5})?$/i.exec(header ?? '')
  return (match?.[1] ?? match?.[2])?.toLowerCase()
}

function isSameOrigin({ headers }: FastifyRequest): boolean {
  const { origin, host } = headers
  return origin === undefined || origin === `http://${host}` || origin === `https://${host}`
}

export function bearerOf({ headers }: FastifyRequest): string | undefined {
  return /^bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1]
}

function carriesToken(request: FastifyRequest, token: string | undefined): boolean {
  const shown = bearerOf(request)
  if (shown === undefined || token === undefined) return false
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(shown), digest(token))
}
