/**
 * Model files (`/api/blobs/:digest`) through `@fastify/http-proxy`: gigabytes that nobody reads and that the server
 * checks against their digest itself. The gate bounds their size; what is in them is nobody's to see here.
 */
import { Transform } from 'node:stream'
import httpProxy from '@fastify/http-proxy'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Refusal } from '../core/refusal.ts'
import type { BlobRoute, Dialect } from '../dialects/dialect.ts'
import { serverError } from '../dialects/server-errors.ts'
import type { Upstream } from '../policy/policy.ts'
import { type Caller, nothingSaid } from '../stages/exchange.ts'
import type { Settle } from '../stages/settle.ts'
import { type Hosts, parameterOf } from './answered-here.ts'
import { type Couriers, upstreamRefusal } from './courier.ts'
import type { Visit } from './visit.ts'

const digestForm = /^sha256[:-][0-9a-f]{64}$/

export interface BlobParts extends Hosts {
  readonly settle: Settle
  readonly courier: Couriers
}

export async function registerBlobs(
  app: FastifyInstance,
  dialect: Dialect,
  endpoint: BlobRoute,
  { reception, gate, settle, courier }: BlobParts,
): Promise<void> {
  // Kept beside the request, because http-proxy's hooks share nothing else.
  const visits = new WeakMap<object, Visit>()
  const destination = { dialect, endpoint }

  const refuse = (reply: Handed, thrown: unknown) => {
    const visit = visits.get(reply.request)
    reply.hijack()
    if (visit) gate.refuse(visit.course, thrown, visit.outlet)
  }

  const enter = async (request: FastifyRequest, reply: FastifyReply) => {
    const visit = reception.receive(request, reply, dialect, endpoint.path)
    visits.set(request, visit)
    try {
      const { caller } = await gate.enter(visit.course, destination, visit.outlet)
      if (!digestForm.test(parameterOf(request)))
        throw new Refusal('invalid_request', { say: 'The digest must be sha256: and 64 hex digits.' })
      const { departure } = visit.course.arrival
      const upstream = upstreamOf(visit)
      if (upstream) visit.course.upstream = upstream
      // http-proxy tells nobody when the client leaves, or its time is up, while the server is silent.
      departure.onEnd(() => refuse(reply, departure.refusal ?? new Error('the client left')))
      if (endpoint.method === 'POST')
        request.body = bounded(request, caller, (refusal) => refuse(reply, refusal))
    } catch (thrown) {
      refuse(reply, thrown)
    }
  }

  const answer = async (request: Handed['request'], reply: Handed, { statusCode, stream }: Response) => {
    const { course, outlet } = visits.get(request) ?? {}
    if (!course || !outlet) throw new TypeError('answered before it was admitted')
    stream.resume()
    if (statusCode >= 300) throw serverError(statusCode, '')
    await settle(course, { kind: 'answered', answer: { ...nothingSaid, status: statusCode } })
    reply.hijack()
    outlet.begin(statusCode, 'application/json; charset=utf-8')
    outlet.end('')
  }

  await app.register(httpProxy, {
    prefix: '/api/blobs',
    rewritePrefix: '/api/blobs',
    routes: ['/:digest'],
    httpMethods: [endpoint.method],
    upstream: '',
    disableRequestLogging: true,
    proxyPayloads: false,
    undici: courier as never,
    preHandler: enter,
    replyOptions: {
      getUpstream: (request) => upstreamOf(visits.get(request))?.origin ?? '',
      queryString: () => '',
      rewriteRequestHeaders: (request) => headersFor(upstreamOf(visits.get(request))),
      retryDelay: () => null,
      onResponse: (request, reply, response) => {
        answer(request, reply, response as unknown as Response).catch((thrown: unknown) =>
          refuse(reply, thrown),
        )
      },
      onError: (reply, { error }) => refuse(reply, upstreamRefusal(causeOf(error))),
    },
  })
}

/** Models are changed on the first Ollama of the policy, and so are their files. */
function upstreamOf(visit: Visit | undefined): Upstream | undefined {
  return visit?.course.arrival.snapshot.policy.upstreams.find(({ kind }) => kind === 'ollama')
}

function headersFor(upstream: Upstream | undefined): Record<string, string> {
  const headers = { 'user-agent': 'torwart', 'content-type': 'application/octet-stream' }
  return upstream?.key === undefined ? headers : { ...headers, authorization: `Bearer ${upstream.key}` }
}

/** The body as it comes, cut when it becomes larger than the role may send. */
function bounded({ raw }: FastifyRequest, { role }: Caller, tooLarge: (refusal: Refusal) => void): Transform {
  let length = 0
  const limit = role.admin.blobBytes
  const counter = new Transform({
    transform(piece: Buffer, _encoding, done) {
      length += piece.length
      if (length <= limit) return done(null, piece)
      const refusal = new Refusal('body_too_large')
      tooLarge(refusal)
      done(refusal)
    },
  })
  raw.once('close', () => {
    if (!raw.complete) counter.destroy(new Error('the client left'))
  })
  return raw.pipe(counter)
}

/** What is used of a reply: http-proxy's types leave open which HTTP version it is. */
interface Handed {
  readonly request: object
  hijack(): unknown
}

/** What http-proxy really hands to `onResponse`. */
interface Response {
  readonly statusCode: number
  readonly stream: { resume(): void }
}

function causeOf(error: Error): Error {
  return error.cause instanceof Error ? error.cause : error
}
