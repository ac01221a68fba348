/**
 * The early end of a request: its client left, or the gate ends it with a refusal that says why (its time is up, it was
 * frozen, the gate stops).
 *
 * What an `AbortSignal` would tell, for the one listener there is. A real one costs 8 µs a request (Node 20),
 * more than reading the prompt.
 */
import type { Refusal } from '../core/refusal.ts'

/** The client closed its connection: no failure, and nobody is left to be told of one. */
export class ClientLeft extends Error {
  constructor() {
    super('the client left')
    this.name = 'ClientLeft'
  }
}

/** Why a request ends early. */
export type CancellationCause = Refusal | ClientLeft

/** Tells one listener of the early end of one request. */
export class Cancellation {
  #cause: CancellationCause | undefined
  #listener: (() => void) | undefined

  /** Undefined as long as the request goes on. */
  get cause(): CancellationCause | undefined {
    return this.#cause
  }

  /** Whether the request is to end. */
  get over(): boolean {
    return this.#cause !== undefined
  }

  /** Ends the request. Only the first call counts. */
  end(cause: CancellationCause): void {
    if (this.#cause !== undefined) return
    this.#cause = cause
    this.#listener?.()
  }

  /** @throws CancellationCause if the request is to end */
  throwIfOver(): void {
    if (this.#cause !== undefined) throw this.#cause
  }

  /**
   * Sets the one listener.
   * @param listener called once, at the end; undefined takes it back
   */
  onEnd(listener: (() => void) | undefined): void {
    this.#listener = listener
  }
}
