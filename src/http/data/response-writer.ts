/**
 * The client's side of a request, on Node's own request and response: Fastify has routed it and lets go of it
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
  guardSummary,
  guardsHeader,
  type ResponseHeaders,
  refusalHeaders,
  responseHeaders,
} from './response-headers.ts'

export interface ResponseWriterOptions {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly context: RequestContext
  /** Whether the gate is about to stop. */
  isClosing(): boolean
  readonly parameter: string
  failedLogin(): Promise<void>
  readForm(limit: number, timeoutMs: number): Promise<Form>
}

export function createResponseWriter({
  request,
  response,
  context,
  isClosing,
  parameter,
  failedLogin,
  readForm,
}: ResponseWriterOptions): ResponseWriter {
  const { dialect, snapshot, hold } = context.incoming
  const { timeouts } = snapshot.policy
  let head: { readonly status: number; readonly contentType: string } | undefined
  let stalled: NodeJS.Timeout | undefined
  let watched = false
  let trails = false
  /** Whether the answer's length was announced, so that a client knows its end without the connection's. */
  let sized = false

  const writeHead = (length?: number) => {
    if (!head || response.headersSent) return
    const headers = responseHeaders(context)
    headers['content-type'] = head.contentType
    if (length === undefined) {
      headers['cache-control'] = 'no-cache'
      // Or nginx gathers words until a buffer is full (proxy_buffering, on unless told otherwise).
      headers['x-accel-buffering'] = 'no'
      // What guards say of an answer is known when it has ended; a trailer is for those who ask for one (RFC 9110, 6.5.1).
      if (context.output) headers[guardsHeader] = guardSummary(context, true)
      trails = context.output !== undefined && /\btrailers\b/i.test(String(request.headers.te))
      if (trails) headers.trailer = guardsHeader
    } else headers['content-length'] = String(length)
    sized = length !== undefined
    closeIfLast(headers)
    response.writeHead(head.status, headers)
  }

  /** What is answered before it has arrived cannot be followed by another request; nor should what a stopping gate answers. */
  const closeIfLast = (headers: ResponseHeaders) => {
    if (!request.complete || isClosing()) headers.connection = 'close'
  }

  /** A client that does not read is cut, which frees its slot. */
  const watchStall = () => {
    stalled ??= setTimeout(() => response.destroy(), timeouts.writeMs)
    if (watched) return
    watched = true
    response.once('close', unwatchStall)
  }
  const unwatchStall = () => {
    clearTimeout(stalled)
    stalled = undefined
  }
  const finish = (data: string | Uint8Array) => {
    if (!request.complete && sized) return finishEarly(data)
    response.end(data)
    if (response.writableLength === 0) return unwatchStall()
    watchStall()
  }

  /** All of the answer is on its way; its end, which closes the connection, waits for a client that is still sending. */
  const finishEarly = (data: string | Uint8Array) => {
    if (data.length > 0) response.write(data)
    else response.flushHeaders()
    void linger(request).then(() => response.end())
  }

  return {
    body: (limit) => readBody(request, limit, timeouts.bodyMs, hold),
    form: (limit) => readForm(limit, timeouts.bodyMs),
    parameter,
    upload: (limit) => streamBody(request, limit),
    failedLogin,
    begin(status, contentType) {
      head = { status, contentType }
    },
    write(data) {
      writeHead()
      if (response.write(data)) return true
      watchStall()
      return false
    },
    onDrain(resume) {
      response.once('drain', () => {
        unwatchStall()
        resume()
      })
    },
    end(data) {
      if (response.destroyed) return
      writeHead(Buffer.byteLength(data))
      if (trails) response.addTrailers({ [guardsHeader]: guardSummary(context) })
      finish(data)
    },
    break() {
      response.destroy()
    },
    refuse(refusal: Refusal) {
      // Nobody reads any more what may still be arriving for a while.
      hold.release()
      if (response.destroyed || response.headersSent) return
      const body = JSON.stringify(dialect.errorBody(toPublicError(refusal, context.incoming.id)))
      const headers = refusalHeaders(context, refusal)
      headers['content-type'] = 'application/json'
      headers['content-length'] = String(Buffer.byteLength(body))
      sized = true
      closeIfLast(headers)
      response.writeHead(refusal.status, headers)
      finish(request.method === 'HEAD' ? '' : body)
    },
  }
}
