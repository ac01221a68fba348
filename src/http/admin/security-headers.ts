/**
 * Headers of every response of the admin listener. Its pages may load and reach nothing but their own origin, run and show
 * nothing that stands in the page itself, and be framed by nobody. The listener has no TLS, so it promises none: that is
 * for a proxy in front to do.
 */
import helmet from '@fastify/helmet'
import type { FastifyInstance } from 'fastify'

/** Registers the headers; to be awaited before anything else, so that refusals have them, too. */
export async function registerSecurityHeaders(app: FastifyInstance): Promise<void> {
  await app.register(helmet, {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        'default-src': ["'none'"],
        'script-src': ["'self'"],
        'style-src': ["'self'"],
        'connect-src': ["'self'"],
        'img-src': ["'self'"],
        'form-action': ["'self'"],
        'base-uri': ["'none'"],
        'frame-ancestors': ["'none'"],
      },
    },
    frameguard: { action: 'deny' },
    strictTransportSecurity: false,
  })
  app.addHook('onRequest', async (_request, reply) => void reply.header('cache-control', 'no-store'))
}
