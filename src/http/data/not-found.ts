/** Refuses unknown paths with 404, and known ones with another method with 405. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { asRefusal, Refusal } from '../../core/refusal.ts'
import { dialectFor, dialects } from '../../dialects/dialects.ts'
import type { LocalRouteParts } from './local-routes.ts'
import { answerOptions, hasNoCredential } from './probes.ts'
import { plainPath } from './request-target.ts'

/**
 * Registers the handlers of unknown routes and of Fastify's own errors.
 * @param below returns the target of a request without `listen.prefix`, or undefined if it is not below that
 * @returns what answers a request for which there is no route
 */
export function registerNotFound(
  app: FastifyInstance,
  { inFlightRequests, pipeline, settle }: LocalRouteParts,
  below: (request: FastifyRequest) => string | undefined,
): (request: FastifyRequest, reply: FastifyReply) => void {
  const refuseUnknown = (
    request: FastifyRequest,
    reply: FastifyReply,
    refusal: (path: string | undefined) => Refusal,
  ) => {
    reply.hijack()
    const target = below(request)
    const path = target === undefined ? undefined : plainPath(target)
    const dialect = dialectFor(path ?? request.originalUrl.slice(0, 64))
    const inFlightRequest = inFlightRequests.receive(request, reply, dialect, 'none')
    const { context, writer } = inFlightRequest
    if (request.method === 'OPTIONS' && hasNoCredential(context))
      return answerOptions(inFlightRequest, { settle, pipeline })
    const say = path === undefined ? undefined : dialect.absent?.[path]
    const why = say === undefined ? refusal(path) : new Refusal('not_found', { say })
    return pipeline.turnAway(context, isUpgrade(request) ? noWebSocket() : why, writer)
  }
  const answerUnknown = (request: FastifyRequest, reply: FastifyReply) =>
    refuseUnknown(
      request,
      reply,
      (path) => new Refusal(isDeclared(path) ? 'method_not_allowed' : 'not_found'),
    )
  app.setNotFoundHandler(answerUnknown)
  // Fastify's own errors, such as a content type that it cannot parse.
  app.setErrorHandler((error: Error & { statusCode?: number }, request, reply) =>
    refuseUnknown(request, reply, () =>
      error.statusCode === 415
        ? new Refusal('unsupported_media_type')
        : error.statusCode === 400
          ? new Refusal('invalid_request', { detail: error.message })
          : asRefusal(error),
    ),
  )
  return answerUnknown
}

function isUpgrade({ headers }: FastifyRequest): boolean {
  return /websocket/i.test(headers.upgrade ?? '')
}

/** Makes the refusal for WebSockets whose frames no guard reads. */
function noWebSocket(): Refusal {
  return new Refusal('not_found', {
    say: 'There is no WebSocket at this path. The only one is `/v1/realtime`.',
  })
}

const declared = dialects.flatMap(({ endpoints }) => endpoints.map(({ path }) => path))

function isDeclared(path: string | undefined): boolean {
  if (path === undefined) return false
  return declared.some((each) => each === path || (parameter.test(each) && isBelow(path, each)))
}

const parameter = /:\w+$/

function isBelow(path: string, pattern: string): boolean {
  const prefix = pattern.replace(parameter, '')
  return path.startsWith(prefix) && path.length > prefix.length && !path.slice(prefix.length).includes('/')
}
