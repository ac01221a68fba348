/**
 * Lists and facts (`/api/tags`, `/v1/models`, `/api/version` …) through `@fastify/http-proxy`: there is no body
 * to inspect and no stream to watch, so the ecosystem's way is good enough. The answer is read whole and
 * filtered: a caller sees the models it may use.
 */
import type { Readable } from 'node:stream'
import httpProxy from '@fastify/http-proxy'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { JsonValue } from '../core/json.ts'
import { Refusal } from '../core/refusal.ts'
import type { Dialect, Listing, View } from '../dialects/dialect.ts'
import { serverError } from '../dialects/server-errors.ts'
import { canonicalModel } from '../models/name.ts'
import { servedModel } from '../stages/authorise.ts'
import type { Departure } from '../stages/departure.ts'
import { type Caller, nothingSaid } from '../stages/exchange.ts'
import type { Gate } from '../stages/gate.ts'
import type { Settle } from '../stages/settle.ts'
import { type Couriers, upstreamRefusal } from './courier.ts'
import type { Reception, Visit } from './visit.ts'

/** A list comes from the server's memory; it need not wait as a generation may. */
const answerWithinMs = 10_000
const longestAnswer = 16 * 1024 * 1024

export interface ListingParts {
  readonly reception: Reception
  readonly gate: Gate
  readonly settle: Settle
  readonly courier: Couriers
}

export async function registerListing(
  app: FastifyInstance,
  dialect: Dialect,
  endpoint: Listing,
  { reception, gate, settle, courier }: ListingParts,
): Promise<void> {
  // Kept beside the request, because http-proxy's hooks share nothing else.
  const visits = new WeakMap<object, Visit>()
  const destination = { dialect, endpoint }

  const enter = async (request: FastifyRequest, reply: FastifyReply) => {
    const visit = reception.receive(request, reply, dialect, endpoint.path)
    visits.set(request, visit)
    try {
      const { caller } = await gate.enter(visit.course, destination, visit.outlet)
      const view = viewOf(caller, request)
      if (view.asked !== '' && !view.mayUse(view.asked)) throw new Refusal('model_not_allowed')
    } catch (thrown) {
      refuse(reply, thrown)
    }
  }

  const refuse = (reply: Handed, thrown: unknown) => {
    const visit = visits.get(reply.request)
    reply.hijack()
    if (visit) gate.refuse(visit.course, thrown, visit.outlet)
  }

  const show = async (request: Handed['request'], reply: Handed, response: Response) => {
    const { course, outlet } = visits.get(request) ?? {}
    if (!course?.caller || !outlet) throw new TypeError('answered before it was admitted')
    const text = await readText(response.stream, course.arrival.departure)
    if (response.statusCode !== 200) throw serverError(response.statusCode, text)
    const shown = endpoint.filter(JSON.parse(text) as JsonValue, viewOf(course.caller, request))
    if (shown === undefined) throw new Refusal('model_not_allowed')
    await settle(course, { kind: 'answered', answer: nothingSaid })
    reply.hijack()
    outlet.begin(200, 'application/json; charset=utf-8')
    outlet.end(JSON.stringify(shown))
  }

  await app.register(httpProxy, {
    prefix: endpoint.path,
    rewritePrefix: endpoint.source,
    routes: ['/'],
    httpMethods: [endpoint.method],
    upstream: '',
    disableRequestLogging: true,
    proxyPayloads: false,
    undici: courier as never,
    preHandler: enter,
    preRewrite: () => endpoint.source,
    replyOptions: {
      method: 'GET', // what HEAD is asked is answered from what GET would say
      getUpstream: (request) => visits.get(request)?.course.arrival.snapshot.policy.upstreams[0].origin ?? '',
      queryString: () => '',
      rewriteRequestHeaders: () => ({ accept: 'application/json', 'user-agent': 'torwart' }),
      timeout: answerWithinMs,
      retryDelay: () => null,
      onResponse: (request, reply, response) => {
        show(request, reply, response as unknown as Response).catch((thrown: unknown) => {
          refuse(
            reply,
            thrown instanceof Refusal ? thrown : new Refusal('upstream_failed', { cause: thrown }),
          )
        })
      },
      onError: (reply, { error }) => refuse(reply, upstreamRefusal(causeOf(error))),
    },
  })
}

/** What is used of a reply: http-proxy's types leave open which HTTP version it is. */
interface Handed {
  readonly request: object & { readonly params: unknown }
  hijack(): unknown
}

/** What http-proxy really hands to `onResponse`. */
interface Response {
  readonly statusCode: number
  readonly stream: Readable
}

async function readText(stream: Readable, departure: Departure): Promise<string> {
  const pieces: Buffer[] = []
  let length = 0
  const tooLate = new Refusal('upstream_timeout', { detail: 'the list took too long' })
  const timer = setTimeout(() => stream.destroy(tooLate), answerWithinMs)
  departure.onEnd(() => stream.destroy(departure.refusal ?? new Error('the client left')))
  try {
    for await (const piece of stream as AsyncIterable<Buffer>) {
      length += piece.length
      if (length > longestAnswer) throw new Refusal('upstream_failed', { detail: 'the list is too long' })
      pieces.push(piece)
    }
  } finally {
    clearTimeout(timer)
    departure.onEnd(undefined)
  }
  return Buffer.concat(pieces).toString('utf8')
}

/** What this caller may see, by canonical name: aliases are names of its own and not in any list. */
function viewOf({ role, arrival }: Caller, request: Handed['request']): View {
  const { snapshot } = arrival
  const asked = (request.params as { readonly model?: string }).model ?? ''
  const wanted = servedModel(asked, role, snapshot.policy)
  return {
    mayUse: (model) => servedModel(model, role, snapshot.policy) !== undefined,
    asked,
    isAsked: (model) => wanted !== undefined && canonicalModel(model) === wanted,
  }
}

function causeOf(error: Error): Error {
  return error.cause instanceof Error ? error.cause : error
}
