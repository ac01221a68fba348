/**
 * Whether a text tells another one again: the runs of so many words that a system prompt consists of, kept as numbers,
 * and looked for in an answer while it is written. Case and punctuation do not matter; a translation, a summary or
 * changed words are not seen.
 */

/** Words in a row that are no coincidence. */
const runLength = 12
/** Of a text, that is taken down. */
const maxTextLength = 64 * 1024
const word = /[\p{L}\p{N}]+/gu

/** Numbers of runs of words. */
export type Shingles = ReadonlySet<number>

/** Returns the numbers of all runs of words in the first 64 KiB of a text. */
export function shinglesOf(text: string): Shingles {
  const found = new Set<number>()
  const follower = new Follower((shingle) => found.add(shingle))
  follower.push(`${text.slice(0, maxTextLength)} `)
  return found
}

/** Reads a text piece by piece and tells the number of every run of words in it. */
export class Follower {
  readonly #onRun: (shingle: number) => void
  readonly #words: number[] = []
  #rest = ''

  constructor(onRun: (shingle: number) => void) {
    this.#onRun = onRun
  }

  push(piece: string): void {
    const text = (this.#rest + piece).toLowerCase()
    let end = 0
    for (const match of text.matchAll(word)) {
      const stop = match.index + match[0].length
      // The last word may go on.
      if (stop === text.length) break
      end = stop
      this.#next(hashOf(match[0]))
    }
    this.#rest = text.slice(end).slice(-64)
  }

  #next(hash: number): void {
    this.#words.push(hash)
    if (this.#words.length < runLength) return
    if (this.#words.length > runLength) this.#words.shift()
    let shingle = 0
    for (const each of this.#words) shingle = (Math.imul(shingle, 31) + each) | 0
    this.#onRun(shingle)
  }
}

/** FNV-1a, 32 bits. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  return hash
}
