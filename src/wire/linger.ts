/**
 * Answers a request that is still arriving. Closing a connection with unread data resets it, and the client loses the
 * response (RFC 9112, 9.6). So the connection stays open for a while, and what arrives is discarded.
 */
import type { IncomingMessage } from 'node:http'

/** Bytes that are discarded; then reading stops, so that the client reads the response before it sends more. */
const maxBytes = 16 * 1024 * 1024
const maxMs = 10_000
/** Milliseconds for the client after reading has stopped. */
const pausedMs = 2_000

/** Resolves when the connection may be closed: the request is complete or gone, or it has taken too long. */
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
