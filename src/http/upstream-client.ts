/**
 * The model server's side: undici's `dispatch`, one connection pool per server. No redirect is followed, no
 * connection is ever half-closed (a LocalAI takes that for the client leaving), and aborting closes the
 * connection at once, before the first byte too. A request of which nothing came back because its connection was old
 * goes out once more, on a new one (`retry.ts`).
 */
import { lookup } from 'node:dns'
import type { Readable } from 'node:stream'
import { type Dispatcher, errors, FormData } from 'undici'
import type { HeldBytes, Hold } from '../core/held-bytes.ts'
import { type JsonObject, tryJson } from '../core/json.ts'
import { Refusal, type RefusalCode } from '../core/refusal.ts'
import type { Upload } from '../dialects/dialect.ts'
import type { ResponseHandler, UpstreamClient, UpstreamRequest, UpstreamStream } from '../pipeline/ports.ts'
import type { Policy, Upstream } from '../policy/policy.ts'
import type { Ask, ServerAnswer } from '../upstreams/ask.ts'
import { isTransient, retryDelayMs } from './retry.ts'
import { createServerPools, type ServerPool } from './upstream-pool.ts'

export interface HttpUpstreamClient extends UpstreamClient {
  /** A list or a fact, whole. @throws Refusal if it cannot be had in time */
  readonly ask: Ask
  close(): Promise<void>
}

/**
 * @param current the policy in force, which says how long connecting may take and who may be far away
 * @param memory what lists hold that are being read
 * @param resolve names to addresses; another one in tests, as is `now`
 */
export function createUpstreamClient(
  current: () => Policy,
  memory: HeldBytes,
  resolve: typeof lookup = lookup,
  now: () => number = () => performance.now(),
): HttpUpstreamClient {
  const pools = createServerPools({ current, resolve, now })
  return {
    async ask(upstream, ...asked) {
      const hold = memory.open()
      try {
        return await fetchDocument(pools.of(upstream.origin), now, hold, upstream, ...asked)
      } finally {
        hold.release()
      }
    },
    send: (upstreamRequest, receiver) =>
      dispatchWithRetry(pools.of(upstreamRequest.upstream.origin), now, upstreamRequest, receiver),
    close: pools.close,
  }
}

/** A thousand models are a few hundred KB; parsing more would hold everybody else up. */
const maxAnswerLength = 4 * 1024 * 1024

/** All that a model server learns of who asks. */
function baseHeaders({ key }: Upstream, accept: string): Record<string, string> {
  const headers = { accept, 'user-agent': 'torwart' }
  return key === undefined ? headers : { ...headers, authorization: `Bearer ${key}` }
}

async function fetchDocument(
  server: ServerPool,
  now: () => number,
  hold: Hold,
  upstream: Upstream,
  path: string,
  withinMs: number,
  question?: JsonObject,
): Promise<ServerAnswer> {
  const headers = baseHeaders(upstream, 'application/json')
  if (question) headers['content-type'] = 'application/json'
  const signal = AbortSignal.timeout(withinMs)
  const request = {
    path,
    method: question ? 'POST' : 'GET',
    headers,
    signal,
    body: question ? JSON.stringify(question) : null,
  } as const
  try {
    const { statusCode, body } = await requestWithRetry(server, now, request)
    let text = ''
    for await (const piece of body.setEncoding('utf8')) {
      text += piece
      hold.body(text.length)
      if (text.length > maxAnswerLength)
        throw new Refusal('upstream_failed', { detail: 'the answer is too long' })
    }
    return { status: statusCode, body: tryJson(text) }
  } catch (error) {
    if (error instanceof Refusal) throw error
    if (signal.aborted) throw new Refusal('upstream_timeout', { detail: 'the answer took too long' })
    throw upstreamRefusal(error instanceof Error ? error : new Error('no Error'))
  }
}

async function requestWithRetry(
  server: ServerPool,
  now: () => number,
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

function dispatchWithRetry(
  server: ServerPool,
  now: () => number,
  upstreamRequest: UpstreamRequest,
  receiver: ResponseHandler,
): UpstreamStream {
  let controller: Dispatcher.DispatchController | undefined
  let aborted = false
  let waiting: NodeJS.Timeout | undefined
  const headers = baseHeaders(upstreamRequest.upstream, '*/*')
  if (upstreamRequest.uploadStream) headers['content-type'] = 'application/octet-stream'
  else if (upstreamRequest.file === undefined) headers['content-type'] = 'application/json'
  headers.traceparent = upstreamRequest.traceparent

  const send = (dispatcher: Dispatcher, mayReplay: boolean) => {
    const { connectionsOpened } = server
    const sentMs = now()
    let reused = false
    let began = false
    dispatcher.dispatch(
      {
        path: upstreamRequest.path,
        method: upstreamRequest.method,
        headers,
        body: bodyOf(upstreamRequest),
        headersTimeout: upstreamRequest.firstByteMs,
        bodyTimeout: upstreamRequest.silenceMs,
      },
      {
        onRequestStart(given) {
          controller = given
          // If others have begun connections meanwhile this is not certain, and then it is no.
          reused = server.connectionsOpened === connectionsOpened
          if (aborted) given.abort(new Error('aborted'))
        },
        onResponseStart(_controller, status, received) {
          began = true
          // 1xx answers are not the answer.
          if (status < 200) return
          receiver.head(status, (name) => {
            const value = received[name]
            return Array.isArray(value) ? value[0] : value
          })
        },
        onResponseData: (_controller, bytes) => receiver.data(bytes),
        onResponseEnd: () => receiver.end(),
        onResponseError(_controller, error) {
          if (aborted) return
          if (!mayReplay || began || !isTransient(error, reused, now() - sentMs))
            return receiver.fail(upstreamRefusal(error))
          waiting = setTimeout(replay, retryDelayMs(error))
        },
      },
    )
  }
  const replay = () => {
    const client = server.createClient()
    send(client, false)
    // Once it has done this.
    void client.close()
  }
  // What came from the client piece by piece is not there any more.
  send(server.dispatcher, upstreamRequest.uploadStream === undefined)
  return {
    pause: () => controller?.pause(),
    resume: () => controller?.resume(),
    abort() {
      aborted = true
      clearTimeout(waiting)
      controller?.abort(new Error('aborted'))
    },
  }
}

function bodyOf({ method, body, file, uploadStream }: UpstreamRequest) {
  if (method === 'HEAD') return null
  // undici reads whatever can be iterated; its types know only Node's own streams.
  if (uploadStream) return uploadStream as Readable
  return file ? formOf(body, file) : JSON.stringify(body)
}

/** Written anew: what a part is called, and where it ends, is said by the library and not by the caller. */
function formOf(fields: JsonObject, { name, type, bytes }: Upload): FormData {
  const form = new FormData()
  for (const [field, value] of Object.entries(fields)) form.append(field, String(value))
  form.append('file', new File([bytes], name, { type }))
  return form
}

/** What went wrong on the way, without addresses. */
function upstreamRefusal(error: Error): Refusal {
  // A body that is too large ends while it is being sent.
  if (error instanceof Refusal) return error
  const code = codeOf(error)
  return new Refusal(code, {
    detail: `${code === 'overloaded' ? 'no connection to be had' : 'the model server'}: ${(error as NodeJS.ErrnoException).code ?? error.name}`,
    cause: error,
    ...(code === 'upstream_unavailable' || code === 'overloaded' ? { retryAfterSeconds: 1 } : {}),
  })
}

/** Of descriptors, memory or ports this host has no more: no fault of the model server's. */
const exhausted: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EADDRNOTAVAIL'])

function codeOf(error: Error): RefusalCode {
  if (error instanceof errors.HeadersTimeoutError || error instanceof errors.BodyTimeoutError)
    return 'upstream_timeout'
  if (error instanceof errors.ConnectTimeoutError) return 'upstream_unavailable'
  const { code } = error as NodeJS.ErrnoException
  if (exhausted.has(code ?? '')) return 'overloaded'
  const unreachable = ['ENOTFOUND', 'EHOSTUNREACH', 'ENETUNREACH', 'EAI_AGAIN', 'ENOTNEAR']
  return unreachable.includes(code ?? '') ? 'upstream_unavailable' : 'upstream_failed'
}
