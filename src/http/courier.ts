/**
 * The model server's side: undici's `dispatch`, one connection pool per server. No redirect is followed, no
 * connection is ever half-closed (a LocalAI takes that for the client leaving), and aborting closes the
 * connection at once, before the first byte too.
 */
import { lookup } from 'node:dns'
import type { LookupFunction } from 'node:net'
import type { Readable } from 'node:stream'
import { buildConnector, type Dispatcher, errors, FormData, Pool } from 'undici'
import { type JsonObject, tryJson } from '../core/json.ts'
import { Refusal, type RefusalCode } from '../core/refusal.ts'
import type { Upload } from '../dialects/dialect.ts'
import { isNear } from '../policy/address.ts'
import type { Policy, Upstream } from '../policy/policy.ts'
import type { Courier, Flow, Parcel, Receiver } from '../stages/outlet.ts'
import type { Ask, ServerAnswer } from '../upstreams/server.ts'

export interface Couriers extends Courier {
  /** A list or a fact, whole. @throws Refusal if it cannot be had in time */
  readonly ask: Ask
  close(): Promise<void>
}

/**
 * @param current the policy in force, which says how long connecting may take and who may be far away
 * @param resolve names to addresses; another one in tests
 */
export function createCourier(current: () => Policy, resolve: typeof lookup = lookup): Couriers {
  const nearLookup = createNearLookup(resolve)
  // One pool per server of the policy; a server that leaves the policy keeps an empty pool, which is nothing.
  const pools = new Map<string, Pool>()
  const poolFor = (origin: string): Pool => {
    const known = pools.get(origin)
    if (known) return known
    const pool = new Pool(origin, {
      pipelining: 1,
      // Concurrency is limited by policy, not by a queue nobody sees.
      connections: null,
      keepAliveTimeout: 30_000,
      keepAliveMaxTimeout: 60_000,
      connect(target, callback) {
        const { upstreams, timeouts } = current()
        const remote = upstreams.some((upstream) => upstream.origin === origin && upstream.remote)
        const timeout = timeouts.connectMs
        const connect = buildConnector(remote ? { timeout } : { timeout, lookup: nearLookup })
        connect(target, callback)
      },
    })
    pools.set(origin, pool)
    return pool
  }
  return {
    ask: (upstream, ...asked) => ask(poolFor(upstream.origin), upstream, ...asked),
    send: (parcel, receiver) => dispatch(poolFor(parcel.upstream.origin), parcel, receiver),
    async close() {
      await Promise.all([...pools.values()].map((pool) => pool.destroy()))
    },
  }
}

/** A thousand models are a few hundred KB; parsing more would hold everybody else up. */
const longestAnswer = 4 * 1024 * 1024

/** All that a model server learns of who asks. */
function ownHeaders({ key }: Upstream, accept: string): Record<string, string> {
  const headers = { accept, 'user-agent': 'torwart' }
  return key === undefined ? headers : { ...headers, authorization: `Bearer ${key}` }
}

async function ask(
  pool: Pool,
  upstream: Upstream,
  path: string,
  withinMs: number,
  question?: JsonObject,
): Promise<ServerAnswer> {
  const headers = ownHeaders(upstream, 'application/json')
  if (question) headers['content-type'] = 'application/json'
  const signal = AbortSignal.timeout(withinMs)
  try {
    const { statusCode, body } = await pool.request({
      path,
      method: question ? 'POST' : 'GET',
      headers,
      signal,
      body: question ? JSON.stringify(question) : null,
    })
    let text = ''
    for await (const piece of body.setEncoding('utf8')) {
      text += piece
      if (text.length > longestAnswer)
        throw new Refusal('upstream_failed', { detail: 'the answer is too long' })
    }
    return { status: statusCode, body: tryJson(text) }
  } catch (error) {
    if (error instanceof Refusal) throw error
    if (signal.aborted) throw new Refusal('upstream_timeout', { detail: 'the answer took too long' })
    throw upstreamRefusal(error instanceof Error ? error : new Error('no Error'))
  }
}

function dispatch(pool: Pool, parcel: Parcel, receiver: Receiver): Flow {
  let controller: Dispatcher.DispatchController | undefined
  let aborted = false
  const headers = ownHeaders(parcel.upstream, '*/*')
  if (parcel.flow) headers['content-type'] = 'application/octet-stream'
  else if (parcel.file === undefined) headers['content-type'] = 'application/json'
  headers.traceparent = parcel.traceparent
  pool.dispatch(
    {
      path: parcel.path,
      method: parcel.method,
      headers,
      body: bodyOf(parcel),
      headersTimeout: parcel.firstByteMs,
      bodyTimeout: parcel.silenceMs,
    },
    {
      onRequestStart(given) {
        controller = given
        if (aborted) given.abort(new Error('aborted'))
      },
      onResponseStart(_controller, status, received) {
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
        if (!aborted) receiver.fail(upstreamRefusal(error))
      },
    },
  )
  return {
    pause: () => controller?.pause(),
    resume: () => controller?.resume(),
    abort() {
      aborted = true
      controller?.abort(new Error('aborted'))
    },
  }
}

function bodyOf({ method, body, file, flow }: Parcel) {
  if (method === 'HEAD') return null
  // undici reads whatever can be iterated; its types know only Node's own streams.
  if (flow) return flow as Readable
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

/**
 * Resolves a host name and refuses every address that is neither loopback nor private: a name that changes its
 * address after the policy was checked must not carry prompts out of the network.
 */
const createNearLookup =
  (resolve: typeof lookup): LookupFunction =>
  (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (error, addresses) => {
      if (error) return callback(error, '', 0)
      const near = addresses.filter(({ address }) => isNear(address))
      const [first] = near
      if (!first || near.length < addresses.length) {
        const far: NodeJS.ErrnoException = new Error('the name has a public address')
        far.code = 'ENOTNEAR'
        return callback(far, '', 0)
      }
      if (options.all) return callback(null, near)
      return callback(null, first.address, first.family)
    })
  }
