/**
 * The model server's side: undici's `dispatch`, one connection pool per server. No redirect is followed, no
 * connection is ever half-closed (a LocalAI takes that for the client leaving), and aborting closes the
 * connection at once, before the first byte too.
 */
import { lookup } from 'node:dns'
import type { LookupFunction } from 'node:net'
import { buildConnector, type Dispatcher, errors, Pool } from 'undici'
import { Refusal, type RefusalCode } from '../core/refusal.ts'
import { isNear } from '../policy/address.ts'
import type { Policy } from '../policy/policy.ts'
import type { Courier, Flow, Parcel, Receiver } from '../stages/outlet.ts'

export interface Couriers extends Courier {
  /** For what goes through `@fastify/http-proxy`: the same connections. */
  readonly request: (
    options: { origin: string } & Dispatcher.RequestOptions,
    callback: RequestCallback,
  ) => void
  close(): Promise<void>
}

type RequestCallback = (error: Error | null, data: Dispatcher.ResponseData) => void

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
    request: (options, callback) => poolFor(options.origin).request(options, callback),
    send: (parcel, receiver) => dispatch(poolFor(parcel.upstream.origin), parcel, receiver),
    async close() {
      await Promise.all([...pools.values()].map((pool) => pool.destroy()))
    },
  }
}

function dispatch(pool: Pool, parcel: Parcel, receiver: Receiver): Flow {
  let controller: Dispatcher.DispatchController | undefined
  let aborted = false
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    accept: '*/*',
    'user-agent': 'torwart',
  }
  if (parcel.traceparent !== undefined) headers.traceparent = parcel.traceparent
  pool.dispatch(
    {
      path: parcel.path,
      method: 'POST',
      headers,
      body: parcel.body,
      headersTimeout: parcel.firstByteMs,
      bodyTimeout: parcel.idleMs,
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

/** What went wrong on the way, without addresses. */
export function upstreamRefusal(error: Error): Refusal {
  const code = codeOf(error)
  return new Refusal(code, {
    detail: `the model server: ${(error as NodeJS.ErrnoException).code ?? error.name}`,
    cause: error,
    ...(code === 'upstream_unavailable' ? { retryAfterSeconds: 1 } : {}),
  })
}

function codeOf(error: Error): RefusalCode {
  if (error instanceof errors.HeadersTimeoutError || error instanceof errors.BodyTimeoutError)
    return 'upstream_timeout'
  if (error instanceof errors.ConnectTimeoutError) return 'upstream_unavailable'
  const { code } = error as NodeJS.ErrnoException
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
