/**
 * Ids of the requests that were observed last. Records are observed in another order than they are written, so what is read from
 * the log after a restart overlaps with what was observed before it.
 */

/** How long an id is remembered at least, in milliseconds: longer than a record takes to be observed. */
export const overlapMs = 10_000
const maxIds = 20_000

/** Remembers ids for one to two times `overlapMs`. */
export class RecentIds {
  #since = 0
  #current: string[] = []
  #before: string[] = []

  /** @param nowMs epoch milliseconds */
  add(id: string, nowMs: number): void {
    if (Math.abs(nowMs - this.#since) > overlapMs) {
      this.#since = nowMs
      this.#before = this.#current
      this.#current = []
    }
    if (this.#current.length < maxIds) this.#current.push(id)
  }

  list(): readonly string[] {
    return [...this.#before, ...this.#current]
  }
}
