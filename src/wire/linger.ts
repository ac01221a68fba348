/**
 * Answering a request that is still arriving. A connection that is closed with bytes unread is reset, and the client
 * loses the answer with it (RFC 9112, 9.6). So the connection stays open for a while, and what comes is thrown away.
 */
import type { IncomingMessage } from 'node:http'

/** Read and thrown away; a client that has more to send waits until it has read the answer. */
const maxBytes = 16 * 1024 * 1024
const maxMs = 10_000
/** For a client that is held up. */
const pausedMs = 2_000

/** @returns when the connection may be closed: the request is whole or gone, or it has taken too long */
export function linger(request: IncomingMessage): Promise<void> {
  return new Promise((resolve) => {
    const over = () => {
      clearTimeout(late)
      request.off('data', discard).off('end', over).off('close', over)
      resolve()
    }
    let late = setTimeout(over, maxMs)
    let bytes = 0
    const discard = (piece: Buffer) => {
      bytes += piece.length
      if (bytes <= maxBytes) return
      request.pause()
      clearTimeout(late)
      late = setTimeout(over, pausedMs)
    }
    if (request.complete || request.destroyed) return over()
    request.unpipe()
    request.on('data', discard).on('end', over).on('close', over)
    request.resume()
  })
}
