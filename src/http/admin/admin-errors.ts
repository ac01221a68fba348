/**
 * Error responses of the admin listener: what failed and whether the change was made, never a path. The log has the rest.
 */
import type { FastifyInstance } from 'fastify'
import { isDiskFull } from '../../core/error-code.ts'
import { describeError } from '../../core/refusal.ts'
import { FileBusy } from '../../files/lock.ts'
import type { Log } from '../../telemetry/log.ts'

/** A change was written and is not in force yet. */
export class NotInForce extends Error {
  override readonly name = 'NotInForce'
}

/** Nothing was done; it can be asked for again soon. */
export class NotNow extends Error {
  override readonly name = 'NotNow'
}

interface ErrorReply {
  readonly status: number
  readonly error: string
}

/** Registers the handler that answers and logs errors. */
export function registerErrorHandler(app: FastifyInstance, log: Log): void {
  app.setErrorHandler((error: NodeJS.ErrnoException & { statusCode?: number }, _request, reply) => {
    const { statusCode = 500, message } = error
    // Fastify's own message about a body that it cannot read.
    if (statusCode >= 400 && statusCode < 500) return reply.code(statusCode).send({ error: message })
    log.error({ cause: describeError(error) }, 'a request to the admin listener failed')
    const answer = replyFor(error)
    return reply.code(answer.status).send({ error: answer.error })
  })
}

function replyFor(error: NodeJS.ErrnoException): ErrorReply {
  const { code, syscall } = error
  if (isDiskFull(error))
    // 507 Insufficient Storage, RFC 4918, 11.5.
    return { status: 507, error: 'The disk is full. Nothing was changed.' }
  if (error instanceof NotInForce || error instanceof NotNow) return { status: 503, error: error.message }
  if (error instanceof FileBusy)
    return {
      status: 503,
      error: 'Another process is changing the same file. Nothing was changed; try again.',
    }
  if (code !== undefined && syscall !== undefined)
    return { status: 503, error: `The gateway cannot access its files (${code}). Nothing was changed.` }
  return { status: 500, error: 'The gateway failed to do this. Its log has the cause.' }
}
