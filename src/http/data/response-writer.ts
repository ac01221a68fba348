/**
 * The client's side of a request, on Node's own request and response. Fastify has routed the request and let go of it
 * (`reply.hijack()`), because its stream plumbing is what costs.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Refusal } from '../../core/refusal.ts'
import { toPublicError } from '../../dialects/dialect.ts'
import type { RequestContext } from '../../pipeline/context.ts'
import type { Form, ResponseWriter } from '../../pipeline/ports.ts'
import { linger } from '../../wire/linger.ts'
import { readBody, streamBody } from './body.ts'
import {
  addOriginHeaders,
  guardSummary,
  guardsHeader,
  type ResponseHeaders,
  refusalHeaders,
  responseHeaders,
} from './response-headers.ts'
import { StallTimer } from './stall-timer.ts'

/** What a response writer needs of its request. */
export interface ResponseWriterOptions {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly context: RequestContext
  /** Whether the gateway is about to stop. */
  isClosing(): boolean
  readonly parameter: string
  failedLogin(): Promise<void>
  readForm(limit: number, timeoutMs: number): Promise<Form>
}

/** Reads the body of one request and writes its response. */
export class HttpResponseWriter implements ResponseWriter {
  readonly parameter: string
  readonly #options: ResponseWriterOptions
  readonly #response: ServerResponse
  readonly #stall: StallTimer
  #head: { readonly status: number; readonly contentType: string } | undefined
  #hasTrailer = false
  /** Whether the length was announced, so that the client sees the end without the connection's. */
  #hasLength = false

  constructor(options: ResponseWriterOptions) {
    this.#options = options
    this.#response = options.response
    this.parameter = options.parameter
    this.#stall = new StallTimer(options.response, options.context.policy.timeouts.writeMs)
  }

  get announcedBytes(): number | undefined {
    const { 'content-length': length, 'content-encoding': encoding } = this.#options.request.headers
    return length === undefined || encoding !== undefined ? undefined : Number(length)
  }

  body(limit: number): Promise<Buffer> {
    const { request, context } = this.#options
    const { policy, hold } = context
    return readBody(request, limit, policy.timeouts.bodyMs, hold)
  }

  form(limit: number): Promise<Form> {
    return this.#options.readForm(limit, this.#options.context.policy.timeouts.bodyMs)
  }

  upload(limit: number): AsyncIterable<Uint8Array> {
    return streamBody(this.#options.request, limit)
  }

  failedLogin(): Promise<void> {
    return this.#options.failedLogin()
  }

  begin(status: number, contentType: string): void {
    this.#head = { status, contentType }
  }

  write(data: string | Uint8Array): boolean {
    this.#writeHead()
    if (this.#response.write(data)) return true
    this.#stall.start()
    return false
  }

  onDrain(resume: () => void): void {
    this.#response.once('drain', () => {
      this.#stall.stop()
      resume()
    })
  }

  end(data: string | Uint8Array): void {
    if (this.#response.destroyed) return
    this.#writeHead(Buffer.byteLength(data))
    if (this.#hasTrailer) this.#response.addTrailers({ [guardsHeader]: guardSummary(this.#options.context) })
    this.#finish(data)
  }

  break(): void {
    this.#response.destroy()
  }

  refuse(refusal: Refusal): void {
    const { request, context } = this.#options
    const { dialect, hold, id } = context
    // The rest of the body may still arrive, but is read by nothing any more.
    hold.release()
    if (this.#response.destroyed || this.#response.headersSent) return
    const body = JSON.stringify(dialect.errorBody(toPublicError(refusal, id)))
    const headers = refusalHeaders(context, refusal)
    headers['content-type'] = 'application/json'
    headers['content-length'] = String(Buffer.byteLength(body))
    this.#hasLength = true
    this.#closeIfLast(headers)
    this.#response.writeHead(refusal.status, headers)
    this.#finish(request.method === 'HEAD' ? '' : body)
  }

  #writeHead(length?: number): void {
    if (!this.#head || this.#response.headersSent) return
    const { context } = this.#options
    const headers = responseHeaders(context)
    addOriginHeaders(headers, context)
    headers['content-type'] = this.#head.contentType
    this.#hasLength = length !== undefined
    if (length !== undefined) headers['content-length'] = String(length)
    else this.#addStreamHeaders(headers)
    this.#closeIfLast(headers)
    this.#response.writeHead(this.#head.status, headers)
  }

  #addStreamHeaders(headers: ResponseHeaders): void {
    const { context, request } = this.#options
    headers['cache-control'] = 'no-cache'
    // Keeps nginx from buffering the stream (its `proxy_buffering` is on by default).
    headers['x-accel-buffering'] = 'no'
    if (!context.responseGuard) return
    // The verdict of the guards is known at the end; a client that asks for trailers gets it there (RFC 9110, 6.5.1).
    headers[guardsHeader] = guardSummary(context, true)
    this.#hasTrailer = /\btrailers\b/i.test(String(request.headers.te))
    if (this.#hasTrailer) headers.trailer = guardsHeader
  }

  /** No request can follow one that was answered before it had arrived; and none should follow at a gateway that stops. */
  #closeIfLast(headers: ResponseHeaders): void {
    const { request, isClosing } = this.#options
    if (!request.complete || isClosing()) headers.connection = 'close'
  }

  #finish(data: string | Uint8Array): void {
    if (!this.#options.request.complete && this.#hasLength) {
      this.#finishEarly(data)
      return
    }
    this.#response.end(data)
    if (this.#response.writableLength === 0) this.#stall.stop()
    else this.#stall.start()
  }

  /** Sends all of the response now. Its end closes the connection, and waits for a client that is still sending. */
  #finishEarly(data: string | Uint8Array): void {
    if (data.length > 0) this.#response.write(data)
    else this.#response.flushHeaders()
    void linger(this.#options.request).then(() => this.#response.end())
  }
}
