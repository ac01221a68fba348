/**
 * What is made of texts that come again, in the order in which they come, so that it is made once. The texts themselves are
 * counted elsewhere; but what is made of them is another thing for every order, and a caller may send as many orders as it
 * likes. So it has a bound of its own, and all of it goes when that is reached: what is still needed is made again.
 */

/** Bytes of one thing that is kept, beside its text: objects, and the table of what follows it. */
const thingBytes = 320

/** Of what is made of the texts of one caller. Bytes. */
const maxBytes = 4 * 1024 * 1024

/** Keeps what is made of lasting texts. */
export class Derived {
  readonly #max: number
  #tables = new Map<string, WeakMap<object, unknown>>()
  #bytes = 0

  /** @param max in bytes, about */
  constructor(max = maxBytes) {
    this.#max = max
  }

  /** Bytes, about. */
  get bytes(): number {
    return this.#bytes
  }

  /**
   * Returns what was made of something before, or makes it.
   * @param table of one kind of things: each must be of one type
   */
  of<V extends object>(table: string, from: object, make: () => V): V {
    const known = this.#tables.get(table)?.get(from)
    // A table has things of one type only.
    if (known !== undefined) return known as V
    const made = make()
    this.count(1, 0)
    const things = this.#tables.get(table) ?? new WeakMap()
    this.#tables.set(table, things)
    things.set(from, made)
    return made
  }

  /** Counts what hangs on things that are kept here. @param things how many more @param characters of text of their own */
  count(things: number, characters: number): void {
    this.#bytes += things * thingBytes + characters
    if (this.#bytes <= this.#max) return
    this.#tables = new Map()
    this.#bytes = 0
  }
}
