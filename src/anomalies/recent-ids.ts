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
  #current = new Set<string>()
  #before = new Set<string>()

  /** @param nowMs epoch milliseconds */
  add(id: string, nowMs: number): void {
    if (Math.abs(nowMs - this.#since) > overlapMs) {
      this.#since = nowMs
      this.#before = this.#current
      this.#current = new Set()
    }
    if (this.#current.size < maxIds) this.#current.add(id)
  }

  list(): readonly string[] {
    return [...this.#before, ...this.#current]
  }
}
