/** Cuts off a client that does not read, which frees its slot. */
import type { ServerResponse } from 'node:http'

/** Destroys a response that makes no progress. */
export class StallTimer {
  readonly #response: ServerResponse
  readonly #ms: number
  #timer: NodeJS.Timeout | undefined
  #isWatching = false

  /** @param ms how long it may make none */
  constructor(response: ServerResponse, ms: number) {
    this.#response = response
    this.#ms = ms
  }

  /** Begins to wait, unless it does already. */
  start(): void {
    this.#timer ??= setTimeout(() => this.#response.destroy(), this.#ms)
    if (this.#isWatching) return
    this.#isWatching = true
    this.#response.once('close', () => this.stop())
  }

  /** The client has read. */
  stop(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }
}
