/**
 * Routes below the prefixes of `passthrough`. `@fastify/http-proxy` matches and rewrites the path and refuses what would
 * leave it; the request is sent and relayed here (`exchange.ts`), because the plugin neither ends the request to the server
 * when a client leaves before its first byte, nor waits for the record.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Dispatcher } from 'undici'
import type { Clock } from '../../../core/clock.ts'
import { Refusal } from '../../../core/refusal.ts'
import { dialectFor } from '../../../dialects/dialects.ts'
import type { PassedThrough } from '../../../pipeline/passed-through.ts'
import type { PassThroughRule, Policy } from '../../../policy/policy.ts'
import type { HttpUpstreamClient } from '../../upstream-client.ts'
import { requireNoExpectation } from '../body.ts'
import type { InFlightRequest } from '../in-flight-request.ts'
import type { LocalRouteParts } from '../local-routes.ts'
import { type PassThroughExchange, passThrough } from './exchange.ts'
import { passedRequestHeaders, requireOwnSite } from './headers.ts'
import { passedQuery } from './target.ts'

/** What these routes need. */
export interface PassThroughParts {
  readonly localRoute: LocalRouteParts
  readonly upstreamClient: Pick<HttpUpstreamClient, 'pass'>
  readonly clock: Clock
}

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']

/** Registers the routes of these rules. Who may use them, and how, is asked of the policy in force at each request. */
export async function registerPassThrough(
  app: FastifyInstance,
  rules: readonly PassThroughRule[],
  parts: PassThroughParts,
): Promise<void> {
  if (rules.length === 0) return
  // Loaded only where it is used.
  const { fastifyHttpProxy } = await import('@fastify/http-proxy')
  for (const { prefix, stripPrefix } of rules)
    await app.register(async (scope) => {
      // The plugin has its own, which reads nothing.
      scope.removeAllContentTypeParsers()
      const outlet = new Outlet()
      await scope.register(fastifyHttpProxy, {
        prefix,
        // Which server it is, is decided by the policy in force.
        upstream: 'http://upstream.invalid',
        rewritePrefix: stripPrefix ? '/' : prefix,
        httpMethods: methods,
        undici: outlet,
        disableCache: true,
        disableRequestLogging: true,
        internalRewriteLocationHeader: false,
        handler: (request, reply, path, options) => {
          reply.hijack()
          const inFlight = parts.localRoute.inFlightRequests.receive(
            request,
            reply,
            dialectFor(prefix),
            `${prefix}/*`,
          )
          void handle({ request, reply, inFlight, prefix, path }, parts, (exchange, headers) => {
            outlet.exchange = exchange
            reply.from(path, {
              ...options,
              rewriteRequestHeaders: () => headers,
              queryString: () => passedQuery(request.originalUrl).slice(1),
            })
          })
        },
      })
    })
}

/** One request below a prefix. */
interface Arrived {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  readonly inFlight: InFlightRequest
  readonly prefix: string
  /** At the model server. */
  readonly path: string
}

/** Takes a request all the way. Never rejects. @param send has the plugin build it and hand it to the exchange */
async function handle(
  { request, reply, inFlight: { context, writer }, prefix, path }: Arrived,
  { localRoute, upstreamClient, clock }: PassThroughParts,
  send: (exchange: Exchange, headers: Record<string, string>) => void,
): Promise<void> {
  const { pipeline, settle, inFlightRequests } = localRoute
  try {
    const rule = ruleOf(context.policy, prefix)
    if (rule === undefined) throw new Refusal('not_found')
    const passed: PassedThrough = { method: request.method, path, bytesIn: 0, bytesOut: 0 }
    const { role } = await pipeline.passThrough(context, rule, passed, writer)
    requireSendable(request, context.policy)
    const base = `${context.policy.listen.prefix}${prefix}`
    const exchange = new Exchange({
      ...{ context, passed, upstreamClient, settle, request: request.raw, response: reply.raw },
      place: { rule, base, path },
      maxBody: role.caps.bodyBytes,
      isClosing: () => inFlightRequests.closing,
      nowMs: () => clock.monotonicMs(),
    })
    const headers = passedRequestHeaders(
      request.raw,
      rule.stripPrefix ? base : undefined,
      context.policy.door,
    )
    send(exchange, { ...headers, traceparent: context.trace.onward })
    await exchange.done
  } catch (thrown) {
    pipeline.refuse(context, thrown, writer)
  }
}

/** @throws Refusal for what cannot be passed on */
function requireSendable({ raw, originalUrl }: FastifyRequest, { listen }: Policy): void {
  requireNoExpectation(raw.headers)
  requireOwnSite(raw, listen.cors.origins)
  passedQuery(originalUrl)
  if (/websocket/i.test(raw.headers.upgrade ?? ''))
    throw new Refusal('not_found', { say: 'WebSockets are not passed through.' })
}

function ruleOf({ passThrough }: Policy, prefix: string): PassThroughRule | undefined {
  return passThrough.find((rule) => rule.prefix === prefix)
}

/** An exchange from when it is made until the plugin hands its request over. */
class Exchange {
  readonly done: Promise<void>
  readonly #exchange: PassThroughExchange
  #settle: { resolve(): void; reject(reason: unknown): void } | undefined

  constructor(exchange: PassThroughExchange) {
    this.#exchange = exchange
    this.done = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject }
    })
  }

  /** @param path with its query */
  send(path: string, headers: Readonly<Record<string, string>>): void {
    passThrough(this.#exchange, { path, headers }).then(this.#settle?.resolve, this.#settle?.reject)
  }
}

/** Where the plugin sends its requests. It does so before `reply.from` returns, so there is one exchange at a time. */
class Outlet extends Dispatcher {
  exchange: Exchange | undefined

  override request(options: Dispatcher.RequestOptions): Promise<never> {
    const { exchange } = this
    this.exchange = undefined
    exchange?.send(options.path, headersOf(options.headers))
    // Its callback is never called: the response is relayed by the exchange.
    return new Promise(() => {})
  }
}

/** Leaves out what the plugin has marked as not to be sent. */
function headersOf(headers: Dispatcher.RequestOptions['headers']): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers ?? {}).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  )
}
