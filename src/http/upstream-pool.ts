/**
 * Connections to one model server. A name is looked up when a connection is made, so where there is a name the
 * connections are made anew every minute, however busy they are: its address may have changed.
 */
import type { lookup } from 'node:dns'
import { isIP, type LookupFunction } from 'node:net'
import { buildConnector, Client, type Dispatcher, Pool } from 'undici'
import { isNear } from '../policy/address.ts'
import type { Policy } from '../policy/policy.ts'

export interface ServerPool {
  readonly dispatcher: Dispatcher
  /** How many connections were begun so far. */
  readonly connectionsOpened: number
  /** A connection of its own for one request; to be closed behind it. */
  createClient(): Client
}

export interface ServerPools {
  of(origin: string): ServerPool
  close(): Promise<void>
}

export interface ServerPoolsOptions {
  /** The policy in force, which says how long connecting may take and who may be far away. */
  current(): Policy
  /** Names to addresses. */
  readonly resolve: typeof lookup
  /** Milliseconds, from anywhere. */
  now(): number
}

/** How old connections to a name become. */
export const maxPoolAgeMs = 60_000

export function createServerPools({ current, resolve, now }: ServerPoolsOptions): ServerPools {
  const privateLookup = createPrivateLookup(resolve)
  // One pool per server of the policy; a server that leaves the policy keeps an empty pool, which is nothing.
  const pools = new Map<
    string,
    { readonly pool: Pool; readonly server: ServerPool; readonly bornMs: number }
  >()
  /** Old ones, which let their last requests finish. */
  const retiring = new Set<Pool>()

  const open = (origin: string) => {
    let connectionsOpened = 0
    const connect: buildConnector.connector = (target, callback) => {
      connectionsOpened++
      const { upstreams, timeouts } = current()
      const remote = upstreams.some((upstream) => upstream.origin === origin && upstream.remote)
      const timeout = timeouts.connectMs
      buildConnector(remote ? { timeout, lookup: resolve } : { timeout, lookup: privateLookup })(
        target,
        callback,
      )
    }
    const settings = { pipelining: 1, keepAliveTimeout: 30_000, keepAliveMaxTimeout: 60_000, connect }
    // Concurrency is limited by policy, not by a queue nobody sees.
    const pool = new Pool(origin, { ...settings, connections: null })
    const server: ServerPool = {
      dispatcher: pool,
      get connectionsOpened() {
        return connectionsOpened
      },
      createClient: () => new Client(origin, settings),
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
    of(origin) {
      const known = pools.get(origin)
      if (!known) return open(origin).server
      if (now() - known.bornMs < maxPoolAgeMs || !isNamed(origin)) return known.server
      retire(known.pool)
      return open(origin).server
    },
    async close() {
      const all = [...[...pools.values()].map(({ pool }) => pool), ...retiring]
      await Promise.all(all.map((pool) => pool.destroy()))
    },
  }
}

function isNamed(origin: string): boolean {
  return isIP(new URL(origin).hostname.replace(/^\[|\]$/g, '')) === 0
}

/**
 * Resolves a host name and refuses every address that is neither loopback nor private: a name that changes its
 * address after the policy was checked must not carry prompts out of the network.
 */
const createPrivateLookup =
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
