/**
 * The early end of a request: the client left, or (with a refusal that says why) its time is up or the gate stops.
 *
 * What an `AbortSignal` would tell, for the one listener there is. A real one costs 8 µs a request (Node 20),
 * more than reading the prompt.
 */
import type { Refusal } from '../core/refusal.ts'

export class Cancellation {
  #over = false
  #refusal: Refusal | undefined
  #listener: (() => void) | undefined

  get over(): boolean {
    return this.#over
  }

  /** Why the gate ends it; undefined if the client did, or nobody has. */
  get refusal(): Refusal | undefined {
    return this.#refusal
  }

  /** Only the first call counts. */
  end(refusal?: Refusal): void {
    if (this.#over) return
    this.#over = true
    this.#refusal = refusal
    this.#listener?.()
  }

  /** @param listener called once, at the end; undefined takes it back */
  onEnd(listener: (() => void) | undefined): void {
    this.#listener = listener
  }
}
