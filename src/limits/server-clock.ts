/**
 * The clock of the Redis server, as far as its answers tell it: for deadlines that the server itself keeps. An operation
 * that hung on its way until its request was refused must not be counted when the server wakes up.
 */

/** Of an answer that seems to have been slower: one slow answer is no slow clock. */
const trust = 0.1

/** Converts this gateway's monotonic time to the server's time, both in milliseconds. */
export class ServerClock {
  /** From this gateway's monotonic clock to the server's; undefined until it has answered. */
  #offsetMs: number | undefined

  /** @param serverMs when the server carried out what was just answered */
  note(serverMs: number): void {
    const offset = serverMs - performance.now()
    const known = this.#offsetMs
    // An answer is always older than it looks, so the largest is the truest; but clocks go back, too.
    this.#offsetMs = known === undefined || offset > known ? offset : known + trust * (offset - known)
  }

  /**
   * @param atMs by this gateway's monotonic clock
   * @returns the same moment by the server's, or 0 if nobody knows
   */
  at(atMs: number): number {
    return this.#offsetMs === undefined ? 0 : Math.floor(atMs + this.#offsetMs)
  }
}
