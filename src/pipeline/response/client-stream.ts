/** The client's side of a relay: what leaves, in as few writes as possible, and how it ends. */

import { wholeDocument } from '../../dialects/framing/document.ts'
import type { Frame, Framing } from '../../dialects/framing/framing.ts'
import type { ResponseWriter } from '../ports.ts'
import { type IdleTimer, startIdleTimer } from './idle-timer.ts'

/** Who hears of what happens on the client's side. */
export interface ClientStreamListener {
  /** Nothing has left for a while; told again each time. */
  idle(): void
  /** The client does not keep up; `drained` when it does again. */
  full(): void
  drained(): void
}

/** Writes one response. */
export class ClientStream {
  readonly #writer: ResponseWriter
  readonly #listener: ClientStreamListener
  readonly #idle: IdleTimer | undefined
  /** How the response is framed. */
  framing: Framing = wholeDocument
  #status: number | undefined
  #pending: string | Uint8Array = ''
  /** What leaves in this turn of the event loop. */
  #ready = ''
  #isFull = false

  /** @param idleMs after how much silence `idle` is told; 0: never */
  constructor(writer: ResponseWriter, idleMs: number, listener: ClientStreamListener) {
    this.#writer = writer
    this.#listener = listener
    this.#idle = idleMs > 0 ? startIdleTimer(idleMs, () => listener.idle()) : undefined
  }

  /** The HTTP status that the client was told; undefined: nothing has begun. */
  get status(): number | undefined {
    return this.#status
  }

  get hasBegun(): boolean {
    return this.#status !== undefined
  }

  /** Whether the client does not keep up. */
  get isFull(): boolean {
    return this.#isFull
  }

  /** Code units or bytes that were added and not sent. */
  get pendingLength(): number {
    return this.#pending.length
  }

  /** Begins the response, once. @param status of HTTP */
  begin(status: number): void {
    if (this.#status !== undefined) return
    this.#status = status
    this.#writer.begin(status, this.framing.contentType)
  }

  /** Adds a frame to what is pending. */
  add(frame: Frame): void {
    const printed = this.framing.encode(frame)
    // Bytes come one piece at a time, so there is nothing before them.
    this.#pending =
      typeof printed === 'string' && typeof this.#pending === 'string' ? this.#pending + printed : printed
  }

  /** Sends what is pending, together with what else one read of the upstream's socket brings: a write costs more than that. */
  send() {
    const data = this.#pending
    this.#pending = ''
    if (typeof data !== 'string') return this.#write(data)
    if (this.#ready === '') queueMicrotask(this.#flush)
    this.#ready += data
  }

  /** Sends a sign of life at once. */
  sendKeepAlive(data: string): void {
    this.#writer.write(data)
  }

  /** Sends what is pending as the last bytes. */
  end(): void {
    const last = this.#pending
    this.#pending = ''
    this.#end(last)
  }

  /**
   * Ends with a frame that says what went wrong, in the place of what is pending. A response that is no stream is broken
   * off: it must not look complete.
   */
  endWithError(frame: Frame): void {
    this.#pending = ''
    if (this.framing.streams) this.#end(this.framing.encode(frame))
    else this.#writer.break()
  }

  /** Nothing is told of silence any more. */
  stopTimer(): void {
    this.#idle?.stop()
  }

  readonly #flush = () => {
    const data = this.#ready
    this.#ready = ''
    if (data !== '') this.#write(data)
  }

  #write(data: string | Uint8Array): void {
    this.#idle?.reset()
    if (this.#writer.write(data) || this.#isFull) return
    this.#isFull = true
    this.#listener.full()
    this.#writer.onDrain(() => {
      this.#isFull = false
      this.#listener.drained()
    })
  }

  /** Takes what is about to leave along with the last bytes. */
  #end(last: string | Uint8Array) {
    const before = this.#ready
    this.#ready = ''
    if (typeof last === 'string') return this.#writer.end(before + last)
    if (before !== '') this.#writer.write(before)
    this.#writer.end(last)
  }
}
