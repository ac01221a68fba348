/**
 * One request that is passed through: to the model server as it arrives, its response back as it comes. Counts the bytes of
 * both, ends both when the client leaves, is frozen or takes too long, and settles before the last byte leaves.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Dispatcher } from 'undici'
import { asRefusal, Refusal } from '../../../core/refusal.ts'
import { ClientLeft } from '../../../pipeline/cancellation.ts'
import { extend, type RequestContext } from '../../../pipeline/context.ts'
import { type Ending, emptyResponse, type ModelResponse } from '../../../pipeline/ending.ts'
import type { Settle } from '../../../pipeline/finish/settle.ts'
import type { PassedThrough } from '../../../pipeline/passed-through.ts'
import { linger } from '../../../wire/linger.ts'
import { type HttpUpstreamClient, upstreamRefusal } from '../../upstream-client.ts'
import { streamBody } from '../body.ts'
import { responseHeaders } from '../response-headers.ts'
import { StallTimer } from '../stall-timer.ts'
import { type Place, passedLocation, passedResponseHeaders } from './headers.ts'

/** What one exchange works with. */
export interface PassThroughExchange {
  readonly context: RequestContext
  readonly passed: PassedThrough
  readonly place: Place
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly upstreamClient: Pick<HttpUpstreamClient, 'pass'>
  readonly settle: Settle
  /** Bytes of a body. */
  readonly maxBody: number
  /** Whether the gateway is about to stop. */
  isClosing(): boolean
  nowMs(): number
}

/** What is sent: the rest is known. */
export interface PassedHead {
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
}

/** Sends a request and relays its response. @throws whatever has to refuse it, as long as nothing was answered */
export async function passThrough(exchange: PassThroughExchange, head: PassedHead): Promise<void> {
  const { context, place, upstreamClient, nowMs } = exchange
  const { cancellation, policy } = context
  const { upstream } = place.rule
  const ended = new AbortController()
  cancellation.throwIfOver()
  cancellation.onEnd(() => ended.abort(cancellation.cause))
  extend(context, { upstream, upstreamWaitMs: 0 })
  try {
    const answer = await upstreamClient.pass(upstream, {
      ...head,
      method: methodOf(exchange.passed),
      body: bodyOf(exchange),
      signal: ended.signal,
      headersTimeout: policy.timeouts.firstByteMs,
      bodyTimeout: policy.timeouts.serverSilenceMs,
    })
    // Of a response that is not read to its end, whoever ends it knows why.
    answer.body.on('error', () => {})
    const firstByteMs = nowMs() - context.arrivedAtMs
    await new Relay(exchange, answer, firstByteMs).run()
  } catch (thrown) {
    throw cancellation.cause ?? thrown
  } finally {
    cancellation.onEnd(undefined)
    // Ends what is left of either direction; of a complete exchange that is nothing.
    ended.abort()
  }
}

function methodOf({ method }: PassedThrough): Dispatcher.HttpMethod {
  // A cast: the policy names only methods that undici knows.
  return method as Dispatcher.HttpMethod
}

/** The body as it arrives, counted; null where there is none. */
function bodyOf({ request, passed, maxBody }: PassThroughExchange): AsyncIterable<Uint8Array> | null {
  const { 'content-length': length, 'transfer-encoding': encoding } = request.headers
  const isEmpty = encoding === undefined && (length === undefined || length === '0')
  if (isEmpty || passed.method === 'GET' || passed.method === 'HEAD') return null
  return counted(streamBody(request, maxBody), passed)
}

async function* counted(body: AsyncIterable<Uint8Array>, passed: PassedThrough): AsyncGenerator<Uint8Array> {
  for await (const piece of body) {
    passed.bytesIn += piece.length
    yield piece
  }
}

/** Brings the response of a model server to the client. */
class Relay {
  readonly #exchange: PassThroughExchange
  readonly #answer: Dispatcher.ResponseData
  readonly #headers: Record<string, string>
  readonly #modelResponse: ModelResponse
  readonly #stall: StallTimer
  /** Bytes that the response will have, if it says so; the last of them leave after the record. */
  readonly #length: number | undefined

  /** @throws Refusal if the response cannot be passed on */
  constructor(exchange: PassThroughExchange, answer: Dispatcher.ResponseData, firstByteMs: number) {
    const { context, passed, response, place } = exchange
    const { statusCode: status, headers } = answer
    this.#exchange = exchange
    this.#answer = answer
    // What is no final status, or none at all, would be Node's error.
    if (status < 200 || status > 599) throw new Refusal('upstream_failed', { detail: `status ${status}` })
    const { location } = headers
    const kept = passedResponseHeaders(headers)
    if (typeof location === 'string') kept.location = passedLocation(location, place)
    this.#headers = { ...kept, ...responseHeaders(context), 'x-accel-buffering': 'no' }
    this.#modelResponse = { ...emptyResponse, status, firstByteMs }
    this.#stall = new StallTimer(response, context.policy.timeouts.writeMs)
    const hasBody = passed.method !== 'HEAD' && status !== 204 && status !== 304
    this.#length = hasBody ? lengthOf(headers['content-length']) : 0
  }

  /** @throws what refuses the request, as long as nothing was answered */
  async run(): Promise<void> {
    const { passed, response } = this.#exchange
    try {
      for await (const piece of this.#answer.body as AsyncIterable<Buffer>) {
        passed.bytesOut += piece.length
        if (passed.bytesOut === this.#length) await this.#settle()
        await this.#write(piece)
      }
      await this.#settle()
      this.#writeHead()
      await this.#end()
    } catch (thrown) {
      if (!response.headersSent && !response.destroyed) throw thrown
      await this.#cut(thrown)
    }
  }

  #settle(): Promise<void> {
    return this.#exchange.settle(this.#exchange.context, { kind: 'answered', answer: this.#modelResponse })
  }

  #writeHead(): void {
    const { request, response, isClosing } = this.#exchange
    if (response.headersSent || response.destroyed) return
    if (!request.complete || isClosing()) this.#headers.connection = 'close'
    response.writeHead(this.#modelResponse.status, this.#headers)
  }

  /** Waits until the client has taken it, if it does not keep up. @throws ClientLeft */
  async #write(piece: Buffer): Promise<void> {
    const { response } = this.#exchange
    this.#writeHead()
    if (response.destroyed) throw new ClientLeft()
    if (response.write(piece)) return
    this.#stall.start()
    await new Promise<void>((resolve) => {
      const go = () => {
        response.off('drain', go).off('close', go)
        resolve()
      }
      response.on('drain', go).on('close', go)
    })
    this.#stall.stop()
  }

  async #end(): Promise<void> {
    const { request, response } = this.#exchange
    // A client that is still sending would lose the response with the connection.
    if (!request.complete && this.#length !== undefined) await linger(request)
    response.end()
    if (response.writableLength > 0) this.#stall.start()
  }

  /** After the response has begun, it can only be cut off, and must not look complete. */
  async #cut(thrown: unknown): Promise<void> {
    const { context, settle, response } = this.#exchange
    const cause = context.cancellation.cause ?? thrown
    const answer = this.#modelResponse
    const ending: Ending =
      cause instanceof ClientLeft || (response.destroyed && !context.cancellation.over)
        ? { kind: 'aborted', answer }
        : { kind: 'cut', answer, refusal: asCut(cause) }
    response.destroy()
    // That it could not be recorded was counted and told.
    await settle(context, ending).catch(() => {})
  }
}

function asCut(cause: unknown): Refusal {
  if (cause instanceof Refusal) return cause
  return cause instanceof Error ? upstreamRefusal(cause) : asRefusal(cause)
}

function lengthOf(header: string | string[] | undefined): number | undefined {
  return typeof header === 'string' && /^\d{1,15}$/.test(header) ? Number(header) : undefined
}
