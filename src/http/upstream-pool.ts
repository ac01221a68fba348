/**
 * Connections to the model servers. A host name is resolved when a connection is opened, so the pool of a named server is
 * replaced every minute, however busy it is: the address may have changed.
 */
import type { lookup } from 'node:dns'
import { isIP, type LookupFunction } from 'node:net'
import { buildConnector, Client, type Dispatcher, Pool } from 'undici'
import { httpOrigin, isNear } from '../policy/address.ts'
import type { Policy, Upstream } from '../policy/policy.ts'

/** The connections to one model server. */
export interface ServerPool {
  readonly dispatcher: Dispatcher
  /** How many connections were opened so far. */
  readonly connectionsOpened: number
  /** Opens a connection for one request, after which the caller closes it. */
  createClient(): Client
}

type UpstreamPlace = Pick<Upstream, 'origin' | 'socketPath'>

/** The pools of all model servers. */
export interface ServerPools {
  of(upstream: UpstreamPlace): ServerPool
  close(): Promise<void>
}

/** What the pools need. */
export interface ServerPoolsOptions {
  /** Returns the policy in force, which has the connect timeout and the servers that may be remote. */
  current(): Policy
  /** Resolves host names. */
  readonly resolve: typeof lookup
  /** Milliseconds, from any origin. */
  now(): number
}

/** Maximum age of the pool of a named server. */
const maxPoolAgeMs = 60_000

/** Creates the pools. */
export function createServerPools({ current, resolve, now }: ServerPoolsOptions): ServerPools {
  const privateLookup = createPrivateLookup(resolve)
  // One pool per server of the policy. A server that leaves the policy keeps an empty pool, which costs little.
  const pools = new Map<
    string,
    { readonly pool: Pool; readonly server: ServerPool; readonly bornMs: number }
  >()
  /** Replaced pools, whose last requests still run. */
  const retiring = new Set<Pool>()

  const open = (upstream: UpstreamPlace) => {
    const { origin, socketPath } = upstream
    const url = httpOrigin(upstream)
    let connectionsOpened = 0
    const connect: buildConnector.connector = (target, callback) => {
      connectionsOpened++
      const { upstreams, timeouts } = current()
      const timeout = timeouts.connectMs
      if (socketPath !== undefined) return buildConnector({ timeout, socketPath })(target, callback)
      const remote = upstreams.some((upstream) => upstream.origin === origin && upstream.remote)
      return buildConnector({ timeout, lookup: remote ? resolve : privateLookup })(target, callback)
    }
    const settings = { pipelining: 1, keepAliveTimeout: 30_000, keepAliveMaxTimeout: 60_000, connect }
    // The policy limits concurrency, not a hidden queue.
    const pool = new Pool(url, { ...settings, connections: null })
    const server: ServerPool = {
      dispatcher: pool,
      get connectionsOpened() {
        return connectionsOpened
      },
      createClient: () => new Client(url, settings),
    }
    const opened = { pool, server, bornMs: now() }
    pools.set(origin, opened)
    return opened
  }

  const retire = (pool: Pool) => {
    retiring.add(pool)
    void pool.close().finally(() => retiring.delete(pool))
  }

  return {
    of(upstream) {
      const known = pools.get(upstream.origin)
      if (!known) return open(upstream).server
      if (now() - known.bornMs < maxPoolAgeMs || !isNamed(upstream)) return known.server
      retire(known.pool)
      return open(upstream).server
    },
    async close() {
      const all = [...[...pools.values()].map(({ pool }) => pool), ...retiring]
      await Promise.all(all.map((pool) => pool.destroy()))
    },
  }
}

function isNamed({ origin, socketPath }: UpstreamPlace): boolean {
  return socketPath === undefined && isIP(new URL(origin).hostname.replace(/^\[|\]$/g, '')) === 0
}

/**
 * Resolves a host name and refuses it if any address is neither loopback nor private: a name whose address changes after
 * the policy was checked must not carry prompts out of the network.
 */
export const createPrivateLookup =
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
