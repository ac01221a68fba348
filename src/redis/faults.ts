/** What can go wrong with Redis, and how much of it a log may say. */
import type { RedisServers } from '../core/redis-servers.ts'

/** Redis is away, did not answer in time, or answered with an error, which is the `cause`. */
export class RedisUnavailable extends Error {
  override readonly name = 'RedisUnavailable'

  constructor(cause: unknown) {
    super('redis did not answer', { cause })
  }
}

/** The first word of errors that concern one key or one command, and not the server. */
const ofOneCommand: ReadonlySet<string> = new Set(['ERR', 'WRONGTYPE', 'NOPERM', 'CROSSSLOT'])

/** Whether an error means that no other command would succeed either. */
export function concernsServer(error: unknown): boolean {
  return !(error instanceof Error && ofOneCommand.has(firstWord(error) ?? ''))
}

/** What went wrong, and where, for the log. */
export interface RedisTrouble {
  readonly cause: string
  /** Host and port that did not answer, or all that were asked. */
  readonly redis: string
  readonly errno?: number
  readonly syscall?: string
}

/**
 * Describes an error of Redis without its message, which may quote a value.
 * @param latest the last error of the connection: what a command says without one is only that there is none
 */
export function redisTrouble(error: unknown, latest: unknown, servers: RedisServers): RedisTrouble {
  const given = systemError(error) ?? systemError(latest)
  const asked = servers.urls.map((url) => new URL(url).host).join(', ')
  if (!given) return { cause: nameOfRedisError(error), redis: asked }
  const { code, errno, syscall, address, port } = given
  return {
    cause: code ?? given.name,
    redis: address === undefined ? asked : `${address}:${port}`,
    ...(errno === undefined ? {} : { errno }),
    ...(syscall === undefined ? {} : { syscall }),
  }
}

type SystemError = NodeJS.ErrnoException & { readonly address?: string; readonly port?: number }

/** Finds the operating system's error in an error, or in its causes. Of a name with several addresses, the first one's. */
function systemError(error: unknown): SystemError | undefined {
  if (!(error instanceof Error)) return undefined
  if (error instanceof AggregateError) return systemError(error.errors[0])
  const found: SystemError = error
  return found.errno === undefined ? systemError(error.cause) : found
}

/** Names what went wrong in one word, without what an error message may quote. */
export function nameOfRedisError(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  if (!(cause instanceof Error)) return 'unknown'
  const { code }: NodeJS.ErrnoException = cause
  return code ?? firstWord(cause) ?? cause.name
}

/** Redis begins its errors with a word for programs: NOAUTH, WRONGPASS, READONLY, OOM, NOPERM … */
function firstWord({ message }: Error): string | undefined {
  return /^[A-Z]{2,}(?= )/.exec(message)?.[0]
}
