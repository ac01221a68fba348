/**
 * The HTTP client of the model servers: undici's `dispatch`, one connection pool per server. It follows no redirect and
 * never half-closes a connection, because LocalAI takes that for the client leaving. Aborting closes the connection at
 * once, also before the first byte of a response. A request that met a stale connection is sent once more (`retry.ts`).
 */
import { lookup } from 'node:dns'
import type { Readable } from 'node:stream'
import { type Dispatcher, errors, FormData } from 'undici'
import { errorCode } from '../core/error-code.ts'
import type { HeldBytes, Hold } from '../core/held-bytes.ts'
import { type JsonObject, tryJson } from '../core/json.ts'
import { Refusal, type RefusalCode } from '../core/refusal.ts'
import { bodyToJson } from '../dialects/common/shared-json.ts'
import type { Upload } from '../dialects/dialect.ts'
import type { ResponseHandler, UpstreamClient, UpstreamRequest, UpstreamStream } from '../pipeline/ports.ts'
import type { Policy, Upstream } from '../policy/policy.ts'
import type { Ask, ServerAnswer } from '../upstreams/ask.ts'
import { isTransient, retryDelayMs } from './retry.ts'
import { createServerPools, type ServerPool } from './upstream-pool.ts'

/** The client of all model servers. */
export interface HttpUpstreamClient extends UpstreamClient {
  /** Fetches a whole JSON document. @throws Refusal if it does not arrive in time */
  readonly ask: Ask
  /** Sends a request whose response nothing reads. @throws Refusal if no head of a response arrives */
  pass(upstream: Upstream, request: PassedRequest): Promise<Dispatcher.ResponseData>
  close(): Promise<void>
}

/** What is sent to a model server as it is. */
export interface PassedRequest
  extends Pick<Dispatcher.RequestOptions, 'path' | 'method' | 'headersTimeout' | 'bodyTimeout'> {
  /** By lower-case name. The credential of the server is added. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: AsyncIterable<Uint8Array> | null
  readonly signal: AbortSignal
}

/** What sending takes. */
interface Transport {
  readonly server: ServerPool
  /** Milliseconds, from any origin. */
  now(): number
}

/**
 * Creates the client of the model servers.
 * @param current returns the policy in force, which has the connect timeout and the servers that may be remote
 * @param memory counts the documents that are being read
 * @param resolve resolves host names; tests pass their own, as for `now`
 */
export function createUpstreamClient(
  current: () => Policy,
  memory: HeldBytes,
  resolve: typeof lookup = lookup,
  now: () => number = () => performance.now(),
): HttpUpstreamClient {
  const pools = createServerPools({ current, resolve, now })
  return {
    async ask(upstream, path, withinMs, question) {
      const hold = memory.open()
      const headers = baseHeaders(upstream, 'application/json')
      if (question) headers['content-type'] = 'application/json'
      const request = {
        path,
        method: question ? 'POST' : 'GET',
        headers,
        signal: AbortSignal.timeout(withinMs),
        body: question ? JSON.stringify(question) : null,
      } as const
      try {
        return await fetchDocument({ server: pools.of(upstream), now }, request, hold)
      } finally {
        hold.release()
      }
    },
    async pass(upstream, { body, headers, ...request }) {
      // A cast: as in `bodyOf`.
      const options = {
        ...request,
        headers: { ...headers, ...ownHeaders(upstream) },
        body: body as Readable | null,
      }
      const server = pools.of(upstream)
      try {
        return body
          ? await server.dispatcher.request(options)
          : await requestWithRetry({ server, now }, options)
      } catch (error) {
        throw upstreamRefusal(error instanceof Error ? error : new Error('not an Error'))
      }
    },
    send: (request, handler) =>
      new RetryingStream({ server: pools.of(request.upstream), now }, request, handler),
    close: pools.close,
  }
}

/** Characters. A thousand models are a few hundred KB; parsing more would block all other requests. */
const maxDocumentLength = 4 * 1024 * 1024

/** All that a model server learns of the caller. */
function baseHeaders(upstream: Upstream, accept: string): Record<string, string> {
  return { accept, ...ownHeaders(upstream) }
}

/** Who asks, and the credential that the server wants. */
function ownHeaders({ key }: Upstream): Record<string, string> {
  const headers = { 'user-agent': 'torwart' }
  return key === undefined ? headers : { ...headers, authorization: `Bearer ${key}` }
}

async function fetchDocument(
  transport: Transport,
  request: Dispatcher.RequestOptions & { readonly signal: AbortSignal },
  hold: Hold,
): Promise<ServerAnswer> {
  try {
    const { statusCode, body } = await requestWithRetry(transport, request)
    let text = ''
    for await (const piece of body.setEncoding('utf8')) {
      text += piece
      hold.body(text.length)
      if (text.length > maxDocumentLength)
        throw new Refusal('upstream_failed', { detail: 'the answer is too long' })
    }
    return { status: statusCode, body: tryJson(text) }
  } catch (error) {
    if (error instanceof Refusal) throw error
    if (request.signal.aborted) throw new Refusal('upstream_timeout', { detail: 'the answer took too long' })
    throw upstreamRefusal(error instanceof Error ? error : new Error('not an Error'))
  }
}

async function requestWithRetry(
  { server, now }: Transport,
  request: Dispatcher.RequestOptions,
): Promise<Dispatcher.ResponseData> {
  const { connectionsOpened } = server
  const sentMs = now()
  const first = server.dispatcher.request(request)
  const reused = server.connectionsOpened === connectionsOpened
  try {
    return await first
  } catch (error) {
    if (!isTransient(error, reused, now() - sentMs)) throw error
    await new Promise((resolve) => setTimeout(resolve, retryDelayMs(error)))
    const client = server.createClient()
    const again = client.request(request)
    void client.close()
    return again
  }
}

/** A request that was sent, and is sent a second time on a new connection if the first one proves stale. */
class RetryingStream implements UpstreamStream {
  readonly #transport: Transport
  readonly #request: UpstreamRequest
  readonly #handler: ResponseHandler
  readonly #headers: Readonly<Record<string, string>>
  #controller: Dispatcher.DispatchController | undefined
  #aborted = false
  #retryTimer: NodeJS.Timeout | undefined

  constructor(transport: Transport, request: UpstreamRequest, handler: ResponseHandler) {
    this.#transport = transport
    this.#request = request
    this.#handler = handler
    this.#headers = streamHeaders(request)
    // The bytes of an upload are gone once they were sent.
    this.#send(transport.server.dispatcher, request.uploadStream === undefined)
  }

  pause(): void {
    this.#controller?.pause()
  }

  resume(): void {
    this.#controller?.resume()
  }

  abort(): void {
    this.#aborted = true
    clearTimeout(this.#retryTimer)
    this.#controller?.abort(new Error('aborted'))
  }

  #send(dispatcher: Dispatcher, mayRetry: boolean): void {
    const { server, now } = this.#transport
    const { path, method, firstByteMs, silenceMs } = this.#request
    const { connectionsOpened } = server
    const sentMs = now()
    let reused = false
    let began = false
    const options = { path, method, headers: this.#headers, body: bodyOf(this.#request) }
    dispatcher.dispatch(
      { ...options, headersTimeout: firstByteMs, bodyTimeout: silenceMs },
      {
        onRequestStart: (controller) => {
          this.#controller = controller
          // Uncertain when other requests have opened connections meanwhile; then it counts as new.
          reused = server.connectionsOpened === connectionsOpened
          if (this.#aborted) controller.abort(new Error('aborted'))
        },
        onResponseStart: (_controller, status, headers) => {
          began = true
          // An informational response (1xx) is not the final one (RFC 9110, 15.2).
          if (status >= 200) this.#handler.head(status, (name) => [headers[name]].flat()[0])
        },
        onResponseData: (_controller, bytes) => this.#handler.data(bytes),
        onResponseEnd: () => this.#handler.end(),
        onResponseError: (_controller, error) => {
          if (this.#aborted) return
          if (!mayRetry || began || !isTransient(error, reused, now() - sentMs))
            return this.#handler.fail(upstreamRefusal(error))
          this.#retryTimer = setTimeout(() => this.#retry(), retryDelayMs(error))
        },
      },
    )
  }

  #retry(): void {
    const client = this.#transport.server.createClient()
    this.#send(client, false)
    // Closes once this request is done.
    void client.close()
  }
}

function streamHeaders({
  upstream,
  uploadStream,
  file,
  traceparent,
}: UpstreamRequest): Record<string, string> {
  const headers = baseHeaders(upstream, '*/*')
  if (uploadStream) headers['content-type'] = 'application/octet-stream'
  else if (file === undefined) headers['content-type'] = 'application/json'
  headers.traceparent = traceparent
  return headers
}

function bodyOf({ method, body, file, uploadStream }: UpstreamRequest) {
  if (method === 'HEAD') return null
  // A cast: undici reads whatever can be iterated, but its types name only Node's own streams.
  if (uploadStream) return uploadStream as Readable
  return file ? formOf(body, file) : bodyToJson(body)
}

/** Builds the form anew: the library, not the caller, names its parts and sets their boundaries. */
function formOf(fields: JsonObject, { name, type, bytes }: Upload): FormData {
  const form = new FormData()
  for (const [field, value] of Object.entries(fields)) form.append(field, String(value))
  form.append('file', new File([bytes], name, { type }))
  return form
}

/** Turns a network error into a refusal that holds no address. */
export function upstreamRefusal(error: Error): Refusal {
  // The limit on an upload is exceeded while it is being sent.
  if (error instanceof Refusal) return error
  const code = refusalCodeOf(error)
  return new Refusal(code, {
    detail: `${code === 'overloaded' ? 'no connection available' : 'the model server'}: ${errorCode(error) || error.name}`,
    cause: error,
    ...(code === 'upstream_unavailable' || code === 'overloaded' ? { retryAfterSeconds: 1 } : {}),
  })
}

/** This host has run out of descriptors, memory or ports: no fault of the model server. */
const exhausted: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EADDRNOTAVAIL'])
const unreachable: ReadonlySet<string> = new Set([
  'ENOTFOUND',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EAI_AGAIN',
  'ENOTNEAR',
])

function refusalCodeOf(error: Error): RefusalCode {
  if (error instanceof errors.HeadersTimeoutError || error instanceof errors.BodyTimeoutError)
    return 'upstream_timeout'
  if (error instanceof errors.ConnectTimeoutError) return 'upstream_unavailable'
  const code = errorCode(error)
  if (exhausted.has(code)) return 'overloaded'
  return unreachable.has(code) ? 'upstream_unavailable' : 'upstream_failed'
}
