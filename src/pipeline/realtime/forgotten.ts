/** Responses that nobody wants any more, whose events are dropped until they end. */

/** Responses that a server was told to stop and has not ended. */
const maxForgotten = 64

/** Keeps the ids of such responses. */
export class ForgottenResponses {
  readonly #ids = new Set<string>()
  /** Responses that were given up before they had an id. */
  #unnamed = 0

  /** @param id undefined: the one that the server begins next */
  add(id: string | undefined): void {
    if (id === undefined) this.#unnamed++
    else this.#ids.add(id)
    // A server that never ends them is not to be remembered for ever; its events belong to no response then, and are dropped.
    if (this.#ids.size > maxForgotten) this.#ids.delete(this.#ids.values().next().value ?? '')
  }

  /** Tells whether a response that begins now was given up before. */
  takeUnnamed(): boolean {
    if (this.#unnamed === 0) return false
    this.#unnamed--
    return true
  }

  has(id: string | undefined): boolean {
    return id !== undefined && this.#ids.has(id)
  }

  end(id: string | undefined): void {
    if (id !== undefined) this.#ids.delete(id)
  }
}
