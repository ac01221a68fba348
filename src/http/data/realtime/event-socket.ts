/** A WebSocket as a session sees it: text messages, and whether the other end keeps up. */
import type { WebSocket } from 'ws'
import type { EventSocket } from '../../../pipeline/realtime/ports.ts'

/** Bytes that wait to be sent: above the first the other side is not read, until they are below the second. */
const highWater = 1024 * 1024
const lowWater = 256 * 1024
/** Of IANA's registry and RFC 6455: what `ws` finds wrong with frames. */
const codes: Readonly<Record<string, number>> = {
  WS_ERR_INVALID_UTF8: 1007,
  WS_ERR_UNSUPPORTED_MESSAGE_LENGTH: 1009,
  WS_ERR_TOO_MANY_BUFFERED_PARTS: 1008,
}
/** How long a closing handshake may take. */
const closeTimeoutMs = 1000
const protocolError = 1002
const unsupportedData = 1003

/** Hears of what happens on one WebSocket. */
export interface EventSocketListener {
  message(text: string): void
  /** @param code of RFC 6455, 7.4 */
  closed(code: number): void
  /** Its frames violate the protocol or a bound; it is being closed under this code. */
  broken(code: number): void
}

/** Sends and receives the events of one side. */
export class WebSocketEvents implements EventSocket {
  readonly #socket: WebSocket
  readonly #stallMs: number
  #drained: (() => void)[] = []
  #stall: NodeJS.Timeout | undefined
  #closing: NodeJS.Timeout | undefined

  /** @param stallMs how long the other end may not read before the connection is cut */
  constructor(socket: WebSocket, stallMs: number) {
    this.#socket = socket
    this.#stallMs = stallMs
  }

  /** Begins to hear of messages. */
  listen(listener: EventSocketListener): void {
    const socket = this.#socket
    socket.on('message', (data, isBinary) => {
      if (isBinary) listener.broken(unsupportedData)
      else listener.message(String(data))
    })
    socket.on('ping', (data) => {
      // Answers that nobody reads would pile up.
      if (socket.bufferedAmount < lowWater) socket.pong(data)
    })
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code?.startsWith('WS_ERR_')) listener.broken(codes[error.code] ?? protocolError)
    })
    socket.once('close', (code) => {
      clearTimeout(this.#stall)
      clearTimeout(this.#closing)
      this.#drained = []
      listener.closed(code)
    })
  }

  send(message: string): boolean {
    const socket = this.#socket
    if (socket.readyState !== socket.OPEN) return true
    socket.send(message, this.#onSent)
    if (socket.bufferedAmount <= highWater) return true
    this.#stall ??= setTimeout(() => socket.terminate(), this.#stallMs)
    return false
  }

  onDrain(resume: () => void): void {
    if (this.#isDrained) resume()
    else this.#drained.push(resume)
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  close(code: number, reason: string): void {
    // One that is paused would not see the other end's answer.
    this.#socket.resume()
    const socket = this.#socket
    if (socket.readyState !== socket.CLOSED)
      this.#closing ??= setTimeout(() => socket.terminate(), closeTimeoutMs)
    socket.close(code, reason)
  }

  get #isDrained(): boolean {
    return this.#socket.bufferedAmount <= lowWater
  }

  readonly #onSent = () => {
    if (!this.#isDrained) return
    clearTimeout(this.#stall)
    this.#stall = undefined
    const drained = this.#drained
    this.#drained = []
    for (const resume of drained) resume()
  }
}
