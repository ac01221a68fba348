/**
 * Of which answers script and trigrams are looked at: of all of a key while it has few a minute, then of every sixteenth. Which
 * ones does not depend on the answers, so shares and means stay what they are; a key that floods samples only itself.
 */

/** Answers of a key in a minute that are all looked at. */
const allOf = 20
/** Of the further ones, one of so many. */
const oneOf = 16
const minuteMs = 60_000
/** Keys that are counted in a minute; those beyond are counted together. */
const maxKeys = 10_000
const others = ''

/** Counts answers of each key. */
export class AnswerSample {
  #minute = Number.NaN
  readonly #counts = new Map<string, number>()

  /** Counts an answer, and tells whether to look at it. @param atMs epoch milliseconds */
  takes(key: string, atMs: number): boolean {
    const minute = Math.floor(atMs / minuteMs)
    if (minute !== this.#minute) {
      this.#minute = minute
      this.#counts.clear()
    }
    const counted = this.#counts.has(key) || this.#counts.size < maxKeys ? key : others
    const count = (this.#counts.get(counted) ?? 0) + 1
    this.#counts.set(counted, count)
    return count <= allOf || count % oneOf === 0
  }
}
