/**
 * Which failed requests may be sent once more: those that the model server cannot have worked on, and whose cause will
 * pass. A server that closes idle connections now and then does so while a request is on its way; on a new connection
 * the same error would be its answer to this request.
 */
import { errorCode } from '../core/error-code.ts'

/** This host or its resolver lacks something for a moment. */
const resourceErrors: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE', 'ENOBUFS', 'EAI_AGAIN'])
const closedErrors: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET'])
const resourceRetryMs = 100
/** A stale connection fails at once. Later than this the server was at work and broke off. */
const maxStaleMs = 1000

/**
 * Tells whether a request may be sent again.
 * @param error what happened before any byte of a response
 * @param reused whether the connection had carried another request before
 * @param elapsedMs since the request was sent
 */
export function isTransient(error: unknown, reused: boolean, elapsedMs: number): boolean {
  const code = errorCode(error)
  return resourceErrors.has(code) || (reused && closedErrors.has(code) && elapsedMs < maxStaleMs)
}

/** Returns the delay before the second attempt, in milliseconds: none for a stale connection. */
export function retryDelayMs(error: unknown): number {
  return resourceErrors.has(errorCode(error)) ? resourceRetryMs : 0
}
