/**
 * What went wrong without the model server having worked on a request, and will pass: then the request may go out once
 * more. A server that closes idle connections does so while a request is on its way there, now and then; on a new
 * connection the same would be its answer to this request.
 */

/** Of this host or its resolver, for a moment. */
const resourceErrors: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE', 'ENOBUFS', 'EAI_AGAIN'])
const closedErrors: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET'])
const resourceRetryMs = 100
/** A connection that was closed as idle is found closed at once; later the server was at work, and broke off. */
const maxIdleCloseMs = 1000

/**
 * @param error before anything of an answer came
 * @param reused whether the connection had been used before
 * @param afterMs since the request went out
 */
export function isTransient(error: unknown, reused: boolean, afterMs: number): boolean {
  const code = codeOf(error)
  return resourceErrors.has(code) || (reused && closedErrors.has(code) && afterMs < maxIdleCloseMs)
}

/** Milliseconds: a connection is to be had at once, what is scarce perhaps in a moment. */
export function retryDelayMs(error: unknown): number {
  return resourceErrors.has(codeOf(error)) ? resourceRetryMs : 0
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}
