/**
 * Spans on their way to the collector: a queue with an end, sent in batches, one at a time. Nothing waits for it; what
 * does not fit, or is not taken after some tries, is dropped and counted.
 */
import type { Delivery } from './sender.ts'

/** How batches are sent. */
export interface BatchOptions<T> {
  /** Sends one batch. Never rejects. */
  send(batch: readonly T[]): Promise<Delivery>
  /** Told how many were not delivered. */
  dropped(count: number): void
  /** Told how each try went. */
  tried(delivery: Delivery): void
  /** How long a batch that is not full waits, in milliseconds. */
  readonly delayMs: number
  /** The pause before the second try, in milliseconds; every further one is twice as long. */
  readonly pauseMs?: number
}

const maxWaiting = 2048
/** Turning as many into JSON holds up requests for a millisecond, and each batch costs a request over HTTP. */
const maxBatch = 256
const tries = 3

/** A bounded queue of what is to be sent. */
export class Batches<T> {
  readonly #options: BatchOptions<T>
  #waiting: T[] = []
  #timer: NodeJS.Timeout | undefined
  #sending: Promise<void> | undefined
  #closed = false
  #endPause: (() => void) | undefined

  constructor(options: BatchOptions<T>) {
    this.#options = options
  }

  /** Takes what belongs together; all of it or, if there is no room, nothing. */
  add(items: readonly T[]): void {
    if (this.#closed || this.#waiting.length + items.length > maxWaiting) {
      this.#options.dropped(items.length)
      return
    }
    this.#waiting.push(...items)
    if (this.#sending) return
    if (this.#waiting.length >= maxBatch) this.#start()
    else this.#timer ??= setTimeout(() => this.#start(), this.#options.delayMs).unref()
  }

  /** Sends what waits, without waiting for full batches, and takes nothing any more. Never rejects. */
  async close(): Promise<void> {
    this.#closed = true
    this.#endPause?.()
    this.#start()
    await this.#sending
  }

  /** Drops what still waits. */
  giveUp(): void {
    this.#closed = true
    clearTimeout(this.#timer)
    const left = this.#waiting.splice(0).length
    if (left > 0) this.#options.dropped(left)
  }

  #start(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#sending ??= this.#sendAll().finally(() => {
      this.#sending = undefined
    })
  }

  async #sendAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      await this.#deliver(this.#waiting.splice(0, maxBatch))
      // What came meanwhile waits for more, unless nothing more will come.
      if (!this.#closed && this.#waiting.length > 0 && this.#waiting.length < maxBatch) {
        this.#timer ??= setTimeout(() => this.#start(), this.#options.delayMs).unref()
        return
      }
    }
  }

  async #deliver(batch: readonly T[]): Promise<void> {
    const { send, dropped, tried, pauseMs = 1000 } = this.#options
    for (let attempt = 1; ; attempt++) {
      const delivery = await send(batch)
      tried(delivery)
      if (delivery.outcome === 'taken') {
        if (delivery.rejected > 0) dropped(delivery.rejected)
        return
      }
      if (delivery.outcome === 'refused' || attempt >= tries || this.#closed) return dropped(batch.length)
      await this.#pause(pauseMs * 2 ** (attempt - 1))
    }
  }

  /** Waits, but no longer than until it is closed. */
  async #pause(ms: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    await new Promise<void>((resolve) => {
      this.#endPause = resolve
      timer = setTimeout(resolve, ms).unref()
    })
    clearTimeout(timer)
    this.#endPause = undefined
  }
}
