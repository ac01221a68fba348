/** The data listener: who connects, what is declared, in order. */
import { lookup } from 'node:dns'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import multipart from '@fastify/multipart'
import { type FastifyInstance, type FastifyServerOptions, fastify } from 'fastify'
import type { Clock } from '../core/clock.ts'
import type { HeldBytes } from '../core/held-bytes.ts'
import { dialects } from '../dialects/dialects.ts'
import { limitConnections } from '../http/data/connections.ts'
import { registerCors } from '../http/data/cors.ts'
import { type DrainOptions, drain } from '../http/data/drain.ts'
import { registerGreeting } from '../http/data/greeting.ts'
import { createInFlightRequests, type InFlightRequests } from '../http/data/in-flight-request.ts'
import { registerListing } from '../http/data/listings.ts'
import type { LocalRouteParts } from '../http/data/local-routes.ts'
import type { LoginThrottle } from '../http/data/login-throttle.ts'
import { registerModelRoute } from '../http/data/model-routes.ts'
import { registerNotFound } from '../http/data/not-found.ts'
import { registerPassThrough } from '../http/data/pass-through/routes.ts'
import { passedPath } from '../http/data/pass-through/target.ts'
import { registerHealthChecks } from '../http/data/probes.ts'
import { createUpstreamConnector } from '../http/data/realtime/connect-upstream.ts'
import { registerSessionRoute } from '../http/data/realtime/session-route.ts'
import { connectionTaker, listenForUpgrades } from '../http/data/realtime/upgrade.ts'
import { belowPrefix, plainPath, unroutablePath } from '../http/data/request-target.ts'
import { registerStoredResponse } from '../http/data/stored-responses.ts'
import { registerTokenRoutes, type TokenRouteParts } from '../http/data/token-routes.ts'
import { type HandshakeFailure, watchHandshakes } from '../http/tls/handshakes.ts'
import { tlsOptions } from '../http/tls/tls.ts'
import type { HttpUpstreamClient } from '../http/upstream-client.ts'
import type { KillSwitch } from '../kill-switch/kill-switch.ts'
import type { DriftWatch } from '../model-trust/drift-watch.ts'
import type { Snapshot } from '../pipeline/context.ts'
import { createPipeline } from '../pipeline/pipeline.ts'
import { createReceive } from '../pipeline/request/receive.ts'
import type { Steps } from '../pipeline/steps.ts'
import type { StoredResponses } from '../pipeline/stored-responses.ts'
import type { Policy } from '../policy/policy.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import type { Fleet } from '../upstreams/fleet.ts'

/** What the listener and its routes need. */
export interface DataListenerParts
  extends Steps,
    Pick<TokenRouteParts, 'signing' | 'requireThawed' | 'onMinted'> {
  current(): Snapshot
  readonly fleet: Fleet
  readonly models: DriftWatch
  readonly upstreamClient: HttpUpstreamClient
  readonly stored: StoredResponses
  readonly freezes: KillSwitch
  readonly loginThrottle: LoginThrottle
  readonly metrics: Metrics
  readonly memory: HeldBytes
  readonly clock: Clock
  /** A TLS handshake failed. */
  onHandshakeFailure(failure: HandshakeFailure, peer: string): void
}

/** A connection is kept so much longer than `timeouts.idle` says: a proxy with the same setting must be first to close. */
const idleSlackMs = 15_000
/** An announced body is waited for this much longer than the gate itself waits for it. */
const slackMs = 5_000

/** The listener for model requests, with its routes; it does not listen yet. */
export interface DataListener {
  readonly app: FastifyInstance
  /** Gives notice, stops listening, lets what runs finish, then cuts it. */
  drain(options: DrainOptions): Promise<void>
  /** Ends the requests under way that match, with a refusal. */
  readonly abort: InFlightRequests['abort']
}

/** Makes the listener. */
export async function createDataListener(parts: DataListenerParts): Promise<DataListener> {
  const { current, clock, metrics, memory, loginThrottle } = parts
  const { listen, timeouts, passThrough } = current().policy
  const prefixes = passThrough.map(({ prefix }) => prefix)
  const below = (target: string, message: IncomingMessage) =>
    belowPrefix(target, message, { listen, door: current().policy.door })
  const pathOf = (message: IncomingMessage) => {
    const target = below(message.url ?? '', message) ?? ''
    return plainPath(target) ?? passedPath(target, prefixes) ?? unroutablePath
  }
  // Fastify's types tell HTTP from HTTPS by the shape of the options, which is known here only at run time.
  const app = fastify(serverOptions({ listen, timeouts }, pathOf)) as unknown as FastifyInstance
  const takeConnection = connectionTaker(app.server, listen.tls !== undefined)
  const handshakes = watchHandshakes(app.server, parts.onHandshakeFailure)
  // Node would answer 417 itself, past the gate and its log.
  app.server.on('checkExpectation', (request, response) => app.routing(request, response))
  const doorPolicy = () => current().policy.door
  limitConnections(app.server, doorPolicy)
  // Bodies are read by the gate, after it has admitted the request; nothing else looks at them.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (_request, _payload, done) => done(null))
  await app.register(multipart)
  const receive = createReceive(current, clock)
  const inFlightRequests = createInFlightRequests(receive, loginThrottle, metrics, doorPolicy, memory)
  // In the place of Fastify's own.
  app.server.removeAllListeners('clientError')
  app.server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    // Bytes of ours in the middle of a response would look like the model's.
    if (inFlightRequests.isAnswering(socket) || !handshakes.isEstablished(socket)) socket.destroy()
    else answerNoHttp(error, socket)
  })
  const pipeline = createPipeline(parts)
  const localRoute = { inFlightRequests, pipeline, settle: parts.settle }
  // First: routes take the error handler they find when they are declared.
  const answerUnknown = registerNotFound(app, localRoute, ({ originalUrl, raw }) => below(originalUrl, raw))
  if (listen.cors.origins.length > 0) await registerCors(app, listen.cors, answerUnknown)
  registerRoutes(app, parts, localRoute)
  await registerPassThrough(app, passThrough, { localRoute, clock, upstreamClient: parts.upstreamClient })
  const isSession = (message: IncomingMessage) =>
    sessionPaths.has(plainPath(below(message.url ?? '', message) ?? '') ?? '')
  listenForUpgrades(app, takeConnection, isSession)
  return {
    app,
    drain: (options) => drain(app, inFlightRequests, options),
    abort: inFlightRequests.abort,
  }
}

function serverOptions(
  { listen: { tls }, timeouts }: Pick<Policy, 'listen' | 'timeouts'>,
  rewriteUrl: (message: IncomingMessage) => string,
): FastifyServerOptions {
  const patience = {
    headersTimeout: Math.min(timeouts.bodyMs, 60_000),
    connectionsCheckingInterval: 2_000,
  }
  const options = {
    logger: false,
    exposeHeadRoutes: false,
    keepAliveTimeout: timeouts.idleMs + idleSlackMs,
    // For the upload of a model's file; other bodies are timed where they are read.
    requestTimeout: Math.max(timeouts.bodyMs, timeouts.totalMs) + slackMs,
    routerOptions: { maxParamLength: 512 },
    rewriteUrl,
    // While draining, a request on an open connection is still answered, and recorded like any other.
    return503OnClosing: false,
    forceCloseConnections: false,
    ...(tls ? { https: { ...tlsOptions(tls), ...patience } } : { http: patience }),
  } as const
  return options
}

const sessionPaths: ReadonlySet<string> = new Set(
  dialects.flatMap(({ endpoints }) =>
    endpoints.flatMap(({ kind, path }) => (kind === 'session' ? [path] : [])),
  ),
)

function registerRoutes(app: FastifyInstance, parts: DataListenerParts, localRoute: LocalRouteParts): void {
  const { inFlightRequests, pipeline } = localRoute
  const { ask } = parts.upstreamClient
  const connect = createUpstreamConnector(lookup)
  for (const dialect of dialects)
    for (const endpoint of dialect.endpoints) {
      if (endpoint.kind === 'exchange') registerModelRoute(app, dialect, endpoint, inFlightRequests, pipeline)
      else if (endpoint.kind === 'listing')
        registerListing(app, dialect, endpoint, { ...parts, localRoute, ask })
      else if (endpoint.kind === 'stored')
        registerStoredResponse(app, dialect, endpoint, { ...parts, localRoute, ask })
      else if (endpoint.kind === 'session')
        registerSessionRoute(app, dialect, endpoint, {
          ...parts,
          inFlightRequests,
          pipeline,
          steps: parts,
          connect,
        })
      else registerGreeting(app, dialect, endpoint, { ...parts, localRoute })
    }
  registerTokenRoutes(app, { ...parts, localRoute })
  registerHealthChecks(app, { ...parts, localRoute })
}

/** Bytes that are no HTTP: there is no request to record, no dialect to answer in, and nothing to learn from us. */
function answerNoHttp(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const timedOut = error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
  const [status, message] = timedOut
    ? ['408 Request Timeout', 'The request took too long to arrive.']
    : error.code === 'HPE_HEADER_OVERFLOW'
      ? ['431 Request Header Fields Too Large', 'The headers are too large.']
      : ['400 Bad Request', 'The request is not valid HTTP.']
  const body = JSON.stringify({
    error: { message, type: 'invalid_request_error', param: null, code: 'invalid_request' },
  })
  socket.end(
    `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\nX-Torwart-Code: invalid_request\r\n\r\n${body}`,
  )
}
