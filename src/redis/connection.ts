/**
 * Connections to Redis or Valkey: one server, a server that sentinels watch, or a cluster. Made so that nothing waits
 * in them: without a connection a command fails at once, and none is ever sent a second time.
 */
import { readFileSync } from 'node:fs'
import { Cluster, type ClusterOptions, Redis, type RedisOptions } from 'ioredis'
import type { RedisServers } from '../core/redis-servers.ts'

export type Connection = Redis | Cluster

/** A script by the name of its method. */
export type Scripts = Readonly<Record<string, { readonly lua: string }>>

const connectMs = 2000
const maxRetryMs = 500
/** How much longer than one answer a connection may be silent before it is made anew. */
const patience = 4

/** @param timeoutMs how long an answer may take */
export function connectRedis(
  servers: RedisServers,
  timeoutMs: number,
  scripts: Scripts,
  onError: (error: Error) => void,
): Connection {
  const connection = open(servers, timeoutMs, { ...scripts })
  connection.on('error', (error) => {
    faults.set(servers, error)
    onError(error)
  })
  connection.on('ready', () => faults.delete(servers))
  return connection
}

/**
 * Connects again what was given up. ioredis 6.0 does that for good when a sentinel tells of a failover while the
 * connection is being made anew. To be called by whoever asks from time to time, and not after closing.
 */
export function revive(connection: Connection): void {
  if (connection.status === 'end') connection.connect().catch(() => {})
}

function open(
  { urls, kind, master, sentinelPassword, ca }: RedisServers,
  timeoutMs: number,
  scripts: Scripts,
) {
  const [first] = urls.map(parse)
  const tls = first?.tls ? { tls: ca === undefined ? {} : { ca: readFileSync(ca) } } : {}
  const common = {
    ...(first?.username ? { username: first.username } : {}),
    ...(first?.password ? { password: first.password } : {}),
    ...tls,
    connectTimeout: connectMs,
    socketTimeout: timeoutMs * patience,
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
      scripts,
    } satisfies ClusterOptions
    return new Cluster(places, options)
  }
  const single = {
    ...common,
    db: first?.db ?? 0,
    retryStrategy: retry,
    enableOfflineQueue: false,
    scripts,
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

/** Why there is no connection; what a command says then is only that there is none. */
const faults = new WeakMap<RedisServers, Error>()

export interface RedisTrouble {
  readonly cause: string
  /** Host and port that did not answer, or all that were asked. */
  readonly redis: string
  readonly errno?: number
  readonly syscall?: string
}

/** What went wrong, and where, for the log. */
export function redisTrouble(error: unknown, servers: RedisServers): RedisTrouble {
  const given = systemError(error) ?? systemError(faults.get(servers))
  const asked = servers.urls.map((url) => new URL(url).host).join(', ')
  if (!given) return { cause: nameOfRedisError(wrapped(error)), redis: asked }
  const { code, errno, syscall, address, port } = given
  return {
    cause: code ?? given.name,
    redis: address === undefined ? asked : `${address}:${port}`,
    ...(errno === undefined ? {} : { errno }),
    ...(syscall === undefined ? {} : { syscall }),
  }
}

type SystemError = NodeJS.ErrnoException & { readonly address?: string; readonly port?: number }

/** The operating system's word in an error, or in what caused it: of a name with several addresses, the first one's. */
function systemError(error: unknown): SystemError | undefined {
  if (!(error instanceof Error)) return undefined
  if (error instanceof AggregateError) return systemError(error.errors[0])
  const found: SystemError = error
  return found.errno === undefined ? systemError(error.cause) : found
}

/** What a part of ours that asked Redis was told. */
function wrapped(error: unknown): unknown {
  return error instanceof Error && error.cause instanceof Error ? error.cause : error
}

/** What went wrong, in one word and without what an error message may quote. */
export function nameOfRedisError(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown'
  const { code } = error as NodeJS.ErrnoException
  // Redis begins its errors with a word for programs: NOAUTH, WRONGPASS, READONLY, OOM, NOPERM …
  return code ?? /^[A-Z]{2,}(?= )/.exec(error.message)?.[0] ?? error.name
}
