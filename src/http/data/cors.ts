/**
 * Lets pages of named origins call the gateway from a browser (Fetch Standard, 3.2: CORS protocol). A preflight carries no
 * credential: it is answered before anyone is authenticated, and recorded like other requests without one.
 */
import cors from '@fastify/cors'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { CorsSettings } from '../../policy/policy.ts'

/** Request headers of browsers' clients: the official SDKs, tracing, and the gateway's own. Cookies are not among them. */
const allowedHeader =
  /^(?:accept|authorization|content-type|x-api-key|anthropic-[a-z-]{1,64}|openai-[a-z-]{1,64}|x-stainless-[a-z-]{1,64}|x-request-id|x-agent-id|x-session-id|traceparent|tracestate|idempotency-key)$/

/** Response headers that scripts of the page may read. */
const exposedHeaders = [
  'x-request-id',
  'request-id',
  'retry-after',
  'x-should-retry',
  ...['code', 'guards', 'clamped', 'left-out', 'limits', 'model', 'marking'].map(
    (name) => `x-torwart-${name}`,
  ),
  ...['limit', 'remaining', 'reset'].flatMap((name) => [
    `x-ratelimit-${name}-requests`,
    `x-ratelimit-${name}-tokens`,
  ]),
]

const methods = ['GET', 'HEAD', 'POST', 'DELETE']
const maxRequested = 64

/** Registers the hook. @param answer answers a preflight whose headers are set */
export async function registerCors(
  app: FastifyInstance,
  { origins, maxAgeSeconds }: CorsSettings,
  answer: (request: FastifyRequest, reply: FastifyReply) => void,
): Promise<void> {
  const allowed = new Set(origins)
  // The plugin's own route answers a preflight, past the records.
  app.addHook('onRoute', (route) => {
    if (route.method === 'OPTIONS' && route.url === '*')
      route.handler = async (request, reply) => answer(request, reply)
  })
  await app.register(cors, {
    delegator: (request, done) => {
      const { origin, 'access-control-request-headers': wanted } = request.headers
      done(null, {
        origin: origin !== undefined && allowed.has(origin) ? origin : false,
        methods,
        allowedHeaders: allowedOf(wanted),
        exposedHeaders,
        maxAge: maxAgeSeconds,
        credentials: false,
        strictPreflight: false,
        preflightContinue: true,
      })
    },
  })
  // Behind the plugin's own hook; without `listen.cors`, no request pays for it.
  app.addHook('onRequest', (_request, reply, done) => {
    keepHeaders(reply)
    done()
  })
}

/** Names the headers of a preflight that a page may send. A browser compares them itself, and refuses the others. */
function allowedOf(wanted: string | undefined): string[] {
  const names = (wanted ?? '').split(',', maxRequested).map((name) => name.trim().toLowerCase())
  return names.filter((name) => allowedHeader.test(name))
}

/** Passes on what the plugin has set to the response that Fastify is about to let go of. */
function keepHeaders(reply: FastifyReply): void {
  for (const [name, value] of Object.entries(reply.getHeaders()))
    if (value !== undefined) reply.raw.setHeader(name, value)
}
