/**
 * Requests as they end, for whoever watches.
 *
 *     GET /admin/v1/live?key=&role=&model=&outcome=&finding=&route=    server-sent events: `hello`, then `request` and `dropped`
 */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import Type from 'typebox'
import Value from 'typebox/value'
import { networkOf } from '../../../../core/peer.ts'
import { canonicalPeer } from '../../../data/connections.ts'
import { refuse } from '../../admin-replies.ts'
import { sessionOf } from '../../signed-in.ts'
import { rowFilters, rowTest } from './row.ts'
import type { LiveViews } from './views.ts'

const pattern = Type.Optional(Type.String({ minLength: 1, maxLength: 256 }))
/** What lines can be asked for, in a query. */
export const filterQuery = {
  ...{ key: pattern, role: pattern, model: pattern, outcome: pattern, finding: pattern, route: pattern },
}
const liveQuery = Type.Object(filterQuery, { additionalProperties: false })

/** Registers the route. */
export function registerLive(app: FastifyInstance, views: LiveViews): void {
  app.get('/admin/v1/live', { exposeHeadRoute: false }, async (request, reply) => {
    const { query } = request
    if (!Value.Check(liveQuery, query))
      return refuse(
        reply,
        `The query may have ${rowFilters.join(', ')}, each once and with 256 characters at most.`,
      )
    const session = sessionOf(request)
    const opened = {
      owner: ownerOf(request),
      network: networkOf(canonicalPeer(request.raw.socket.remoteAddress)),
      fits: rowTest(query),
      onEnd: (listener: () => void) => session?.onEnd(listener) ?? (() => {}),
    }
    const full = views.fullFor(opened)
    if (full !== undefined)
      return reply
        .code(full === 'all' ? 503 : 429)
        .header('retry-after', '10')
        .send({ error: 'Too many live views are open. Close one and try again.' })
    const headers = reply.getHeaders()
    reply.hijack()
    reply.raw.writeHead(200, {
      ...(headers as Record<string, string>),
      'content-type': 'text/event-stream; charset=utf-8',
      // Proxies that buffer (nginx) would show nothing for long.
      'x-accel-buffering': 'no',
    })
    await views.open(opened, reply.raw)
    return reply
  })
}

/** Names the session of a request, or all holders of the admin token. */
export function ownerOf(request: FastifyRequest): string {
  return sessionOf(request)?.csrf ?? ''
}
