/**
 * Finds the literals of phrases in a text: one pass over its units, with a few kilobytes of tables.
 *
 * Most literals are words, or words with separators between them. Each word of the text is hashed unit by unit and looked
 * up once, where it ends. All other literals (`http`, `<|im_start|>`, `anweisung*`) are looked up by their last four units,
 * which a small bitmap rules out nearly everywhere. An automaton over all literals would need a table of megabytes, so
 * that between other work nearly every look-up would go to main memory.
 */

/** A text that is looked for. */
export interface SoughtLiteral {
  /** Folded, as units of the text are. */
  readonly text: string
  /** Only where a word begins. */
  readonly opens: boolean
  /** Only where a word ends. */
  readonly closes: boolean
}

/** Finds literals in texts. */
export interface LiteralFinder {
  /**
   * Finds every occurrence of every literal. Linear in the text.
   * @returns the literal's index and the index behind its last unit, in turns, ordered by that end and then by literal.
   * Valid until the next call. One in billions of unknown words is taken for a literal: `isAt` tells for certain.
   */
  find(text: string): { readonly pairs: Int32Array; readonly length: number }
  /** Compares, whatever stands around. */
  isAt(literal: number, text: string, end: number): boolean
}

/** What is known of a unit: the unit it is read as, and these bits. */
const readMask = 0xffff
const isWordUnit = 1 << 16
/** A word may end before it. A sign that is read as a letter is both. */
const isCloser = 1 << 17
/** It is the last unit of a literal of one unit. */
const endsOne = 1 << 18
/** It is the last unit of a literal of two units, or of three. */
const endsFew = 1 << 19

const seed = 0x811c9dc5 | 0
const prime = 0x01000193
/** Units by which literals that are no words are looked up. */
const tail = 4
/** The logarithm of how many bits the bitmaps have: 8 and 2 KiB. */
const wordBits = 16
const tailBits = 14

/**
 * @param fold the unit that each unit of a text is read as
 * @param isWord tells letters and digits from separators
 */
export function createLiteralFinder(
  literals: readonly SoughtLiteral[],
  fold: Uint16Array,
  isWord: (unit: number) => boolean,
): LiteralFinder {
  const words = indexWords(literals, isWord)
  const tails = indexTails(literals, (literal) => !words.indexed.has(literal))
  const units = readUnits(fold, isWord)
  for (let unit = 0; unit < units.length; unit++) {
    const known = units[unit] as number
    const ends = tails.shortEnds[known & readMask] as number
    if (ends !== 0) units[unit] = known | ends
  }
  return new Finder(literals, units, words, tails)
}

/** For the fold that was asked last: all scripts but one share it. */
let lastRead:
  | { fold: Uint16Array; isWord: (unit: number) => boolean; units: Int32Array<ArrayBuffer> }
  | undefined

/** What is known of every unit before any literal: the unit it is read as, and whether it is of a word. */
function readUnits(fold: Uint16Array, isWord: (unit: number) => boolean): Int32Array<ArrayBuffer> {
  if (lastRead?.fold !== fold || lastRead.isWord !== isWord) {
    // A loop: the same with a function for each unit takes several times as long.
    const units = new Int32Array(fold.length)
    for (let unit = 0; unit < units.length; unit++) {
      const read = fold[unit] as number
      const isWordItself = isWord(unit)
      const isReadAsWord = read === unit ? isWordItself : isWord(read)
      units[unit] = read | (isReadAsWord ? isWordUnit : 0) | (isWordItself ? 0 : isCloser)
    }
    lastRead = { fold, isWord, units }
  }
  return lastRead.units.slice()
}

class Finder implements LiteralFinder {
  readonly #literals: readonly SoughtLiteral[]
  readonly #units: Int32Array
  readonly #words: WordIndex
  readonly #tails: TailIndex
  /** Hashes of the words in front that a literal of several words begins with, the longest first. */
  readonly #begun: Int32Array
  #live = 0
  #pairs = new Int32Array(1024)
  #length = 0

  constructor(literals: readonly SoughtLiteral[], units: Int32Array, words: WordIndex, tails: TailIndex) {
    this.#literals = literals
    this.#units = units
    this.#words = words
    this.#tails = tails
    this.#begun = new Int32Array(words.maxWords + 1)
  }

  find(text: string): { readonly pairs: Int32Array; readonly length: number } {
    this.#length = 0
    this.#live = 0
    const hash = this.#walk(text)
    if (hash !== seed) this.#endWord(hash, text.length, true)
    return { pairs: this.#pairs, length: this.#length }
  }

  /** @returns the hash of the word with which the text ends */
  #walk(text: string): number {
    const units = this.#units
    const words = this.#words.filter
    const tails = this.#tails.filter
    let hash = seed
    let recent = 0
    for (let at = 0; at < text.length; at++) {
      const unit = units[text.charCodeAt(at)] as number
      const read = unit & readMask
      recent = (recent << 8) ^ read
      if (unit & isWordUnit) {
        if (unit & isCloser && hash !== seed) this.#endWithin(hash, at)
        hash = Math.imul(hash ^ read, prime)
      } else {
        if (this.#live > 0 || isMarked(words, hash >>> (32 - wordBits)))
          this.#separate(hash, read, at, (unit & isCloser) !== 0)
        hash = seed
      }
      const key = tailKey(recent, tail)
      if (isMarked(tails, key >>> (32 - tailBits))) this.#endTail(text, key, at + 1)
      if (unit >= endsOne) {
        if (unit & endsOne) this.#endTail(text, tailKey(recent, 1), at + 1)
        if (unit & endsFew && isMarked(tails, tailKey(recent, 2) >>> (32 - tailBits)))
          for (let size = 2; size < tail; size++) this.#endTail(text, tailKey(recent, size), at + 1)
      }
    }
    return hash
  }

  isAt(literal: number, text: string, end: number): boolean {
    const sought = (this.#literals[literal] as SoughtLiteral).text
    const start = end - sought.length
    // From the front: many literals end alike.
    for (let at = 0; at < sought.length; at++)
      if (((this.#units[text.charCodeAt(start + at)] ?? 0) & readMask) !== sought.charCodeAt(at)) return false
    return true
  }

  /** Reads a separator. @param hash of the word in front of it, if there is one */
  #separate(hash: number, read: number, end: number, closes: boolean): void {
    if (hash !== seed) this.#endWord(hash, end, closes)
    for (let at = 0; at < this.#live; at++) this.#begun[at] = join(this.#begun[at] as number, read)
  }

  /** @param closes whether literals may end there, or a word goes on in spite of how its next unit is read */
  #endWord(hash: number, end: number, closes: boolean): void {
    const begun = this.#begun
    let kept = 0
    for (let at = 0; at < this.#live; at++) {
      const joined = join(begun[at] as number, hash)
      if (this.#lookUp(joined, end, closes)) begun[kept++] = joined
    }
    if (this.#lookUp(hash, end, closes)) begun[kept++] = hash
    this.#live = kept
  }

  /** A sign that is read as a letter: a word may end before it, and goes on with it. */
  #endWithin(hash: number, end: number): void {
    for (let at = 0; at < this.#live; at++) this.#lookUp(join(this.#begun[at] as number, hash), end, true)
    this.#lookUp(hash, end, true)
  }

  /** @returns whether there are literals that go on behind it */
  #lookUp(hash: number, end: number, closes: boolean): boolean {
    const { filter, table } = this.#words
    if (!isMarked(filter, hash >>> (32 - wordBits))) return false
    const found = valueIn(table, hash)
    if (closes && found > 1) this.#put((found >> 1) - 1, end)
    return (found & 1) === 1
  }

  #endTail(text: string, key: number, end: number): void {
    const list = valueIn(this.#tails.table, key)
    if (list === 0) return
    for (const literal of this.#tails.lists[list - 1] as readonly number[])
      if (this.#stands(literal, text, end)) this.#put(literal, end)
  }

  #stands(literal: number, text: string, end: number): boolean {
    const { text: sought, opens, closes } = this.#literals[literal] as SoughtLiteral
    const start = end - sought.length
    if (start < 0 || !this.isAt(literal, text, end)) return false
    if (opens && start > 0 && (this.#units[text.charCodeAt(start - 1)] ?? 0) & isWordUnit) return false
    return !closes || end === text.length || ((this.#units[text.charCodeAt(end)] ?? 0) & isCloser) !== 0
  }

  #put(literal: number, end: number): void {
    if (this.#length + 2 > this.#pairs.length) this.#pairs = grown(this.#pairs)
    const pairs = this.#pairs
    let at = this.#length
    for (; at > 0 && pairs[at - 1] === end && (pairs[at - 2] as number) > literal; at -= 2) {
      pairs[at] = pairs[at - 2] as number
      pairs[at + 1] = end
    }
    pairs[at] = literal
    pairs[at + 1] = end
    this.#length += 2
  }
}

function grown(pairs: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(4 * pairs.length)
  larger.set(pairs)
  return larger
}

function join(front: number, hash: number): number {
  return Math.imul(Math.imul(front, 31) ^ hash, prime)
}

interface WordIndex {
  /** A bit for the upper half of each hash. */
  readonly filter: Int32Array
  /** Under its hash, a literal's index and one, times two; and one if literals go on behind it. */
  readonly table: Int32Array
  /** Words of the longest literal. */
  readonly maxWords: number
  readonly indexed: ReadonlySet<SoughtLiteral>
}

function indexWords(literals: readonly SoughtLiteral[], isWord: (unit: number) => boolean): WordIndex {
  const values = new Map<number, number>()
  const indexed = new Set<SoughtLiteral>()
  let maxWords = 1
  for (const [index, literal] of literals.entries()) {
    const { text, opens, closes } = literal
    if (!opens || !closes || !isWord(text.charCodeAt(0)) || !isWord(text.charCodeAt(text.length - 1)))
      continue
    const hashes = hashesOf(text, isWord)
    const whole = hashes.pop() ?? seed
    const known = values.get(whole) ?? 0
    // Two of one hash: the second one is looked up by its tail.
    if (known > 1) continue
    values.set(whole, known | ((index + 1) << 1))
    for (const hash of hashes) values.set(hash, (values.get(hash) ?? 0) | 1)
    maxWords = Math.max(maxWords, hashes.length + 1)
    indexed.add(literal)
  }
  const filter = new Int32Array((1 << wordBits) / 32)
  for (const hash of values.keys()) mark(filter, hash >>> (32 - wordBits))
  return { filter, table: tableOf(values), maxWords, indexed }
}

/** The hashes of those beginnings of `text` that end with a word: as a walk over a text comes by them. */
function hashesOf(text: string, isWord: (unit: number) => boolean): number[] {
  const hashes: number[] = []
  let front: number | undefined
  let hash = seed
  for (let at = 0; at <= text.length; at++) {
    const unit = text.charCodeAt(at)
    if (at < text.length && isWord(unit)) {
      hash = Math.imul(hash ^ unit, prime)
      continue
    }
    if (hash !== seed) {
      front = front === undefined ? hash : join(front, hash)
      hashes.push(front)
    }
    hash = seed
    if (front !== undefined) front = join(front, unit)
  }
  return hashes
}

interface TailIndex {
  /** A bit for the upper part of the key of each tail, and of the last two units of a shorter one. */
  readonly filter: Int32Array
  /** Under each tail, the index of its list and one. */
  readonly table: Int32Array
  readonly lists: readonly (readonly number[])[]
  /** For each unit, whether it is the last one of literals shorter than `tail`: `endsOne`, `endsFew`. */
  readonly shortEnds: Int32Array
}

function indexTails(
  literals: readonly SoughtLiteral[],
  isMeant: (literal: SoughtLiteral) => boolean,
): TailIndex {
  const filter = new Int32Array((1 << tailBits) / 32)
  const byTail = new Map<number, number[]>()
  const shortEnds = new Int32Array(readMask + 1)
  for (const [index, literal] of literals.entries()) {
    if (!isMeant(literal)) continue
    const { text } = literal
    let recent = 0
    for (let at = 0; at < text.length; at++) recent = (recent << 8) ^ text.charCodeAt(at)
    const size = Math.min(tail, text.length)
    const last = text.charCodeAt(text.length - 1)
    if (size < tail) shortEnds[last] = (shortEnds[last] ?? 0) | (size === 1 ? endsOne : endsFew)
    const key = tailKey(recent, size)
    mark(filter, (size === tail ? key : tailKey(recent, 2)) >>> (32 - tailBits))
    byTail.set(key, [...(byTail.get(key) ?? []), index])
  }
  const table = tableOf(new Map([...byTail.keys()].map((key, at) => [key, at + 1])))
  return { filter, table, lists: [...byTail.values()], shortEnds }
}

/** @param recent the units before a place, the latest in the lowest bits */
function tailKey(recent: number, size: number): number {
  return Math.imul(size < tail ? recent & ((1 << (8 * size)) - 1) : recent, prime) ^ size
}

function isMarked(filter: Int32Array, bit: number): boolean {
  return ((filter[bit >>> 5] as number) & (1 << (bit & 31))) !== 0
}

function mark(filter: Int32Array, bit: number): void {
  filter[bit >>> 5] = (filter[bit >>> 5] ?? 0) | (1 << (bit & 31))
}

/** An open hash table of keys and values in turns; no value is 0. */
function tableOf(values: ReadonlyMap<number, number>): Int32Array {
  let size = 2
  while (size < 2 * values.size) size *= 2
  const table = new Int32Array(2 * size)
  for (const [key, value] of values) {
    let at = 2 * (key & (size - 1))
    while (table[at + 1] !== 0) at = (at + 2) & (2 * size - 1)
    table[at] = key
    table[at + 1] = value
  }
  return table
}

function valueIn(table: Int32Array, key: number): number {
  for (let at = (2 * key) & (table.length - 1); ; at = (at + 2) & (table.length - 1)) {
    const value = table[at + 1] as number
    if (value === 0 || table[at] === key) return value
  }
}
