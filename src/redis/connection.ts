/**
 * Connections to Redis or Valkey: one server, a server that sentinels watch, or a cluster. Nothing waits in them: without
 * a connection a command fails at once, and none is ever sent a second time. Who needs one asks `client.ts`.
 */
import { readFileSync } from 'node:fs'
import { Cluster, type ClusterOptions, Redis, type RedisOptions } from 'ioredis'
import type { RedisServers } from '../core/redis-servers.ts'

/** A client of ioredis, whatever the servers are. */
export type Connection = Redis | Cluster

const connectMs = 2000
const maxRetryMs = 500
/** How many times as long as an answer to a request a connection may be silent before it is made anew. */
const patience = 4
/** But never less than patient parts wait for an answer. */
const minSilenceMs = 1000

/**
 * Begins to connect, and connects again whenever the connection ends.
 * @param timeoutMs how long an answer may take
 * @param onError told of every failure
 */
export function connect(
  servers: RedisServers,
  timeoutMs: number,
  onError: (error: Error) => void,
): Connection {
  const connection = open(servers, timeoutMs)
  connection.on('error', onError)
  return connection
}

/**
 * Connects again what was given up. ioredis 6.0 gives up for good when a sentinel tells of a failover while the
 * connection is being made anew. To be called from time to time, and not after closing.
 */
export function revive(connection: Connection): void {
  if (connection.status === 'end') connection.connect().catch(() => {})
}

function open({ urls, kind, master, sentinelPassword, ca }: RedisServers, timeoutMs: number) {
  const [first] = urls.map(parse)
  const tls = first?.tls ? { tls: ca === undefined ? {} : { ca: readFileSync(ca) } } : {}
  const common = {
    ...(first?.username ? { username: first.username } : {}),
    ...(first?.password ? { password: first.password } : {}),
    ...tls,
    connectTimeout: connectMs,
    socketTimeout: Math.max(timeoutMs * patience, minSilenceMs),
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    disableClientInfo: true,
    // After a failover behind one address, the old server is a replica that refuses to write.
    reconnectOnError: ({ message }: Error) => message.startsWith('READONLY'),
  } satisfies RedisOptions
  const retry = (attempt: number) => Math.min(attempt * 50, maxRetryMs)
  const places = urls.map(parse).map(({ host, port }) => ({ host, port }))
  if (kind === 'cluster') {
    const options = {
      redisOptions: common,
      clusterRetryStrategy: retry,
      enableOfflineQueue: false,
      slotsRefreshTimeout: connectMs,
    } satisfies ClusterOptions
    return new Cluster(places, options)
  }
  const single = {
    ...common,
    db: first?.db ?? 0,
    retryStrategy: retry,
    enableOfflineQueue: false,
  } satisfies RedisOptions
  if (kind === 'single') return new Redis({ ...single, ...places[0] })
  return new Redis({
    ...single,
    sentinels: places,
    name: master,
    ...(sentinelPassword === undefined ? {} : { sentinelPassword }),
    ...('tls' in tls ? { enableTLSForSentinelMode: true, sentinelTLS: tls.tls } : {}),
    sentinelRetryStrategy: retry,
    sentinelCommandTimeout: connectMs,
    failoverDetector: true,
  })
}

function parse(text: string) {
  const { protocol, hostname, port, username, password, pathname } = new URL(text)
  return {
    tls: protocol === 'rediss:',
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? 6379 : Number(port),
    username: decodeURIComponent(username),
    password: decodeURIComponent(password),
    db: Number(pathname.slice(1) || '0'),
  }
}
