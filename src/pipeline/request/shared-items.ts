/**
 * The messages and tools of earlier bodies. A conversation comes whole with every request: whatever of it has the same
 * bytes as before, of the same caller, is neither parsed again nor read again. The bytes are compared, not a digest. An
 * object ends where its bracket closes, so bytes that begin with those of an object hold the same object.
 *
 * Kept per caller: if one's text made another's faster, a stopwatch would tell what others have said. Bounded for each
 * and in sum, what was not used for the longest goes first, and all goes when requests need the memory.
 */
import { LRUCache } from 'lru-cache'
import { Derived } from '../../core/derived.ts'
import type { HeldBytes } from '../../core/held-bytes.ts'
import { freezeDeep, isObject, JsonFault, type JsonObject, readJson } from '../../core/json.ts'
import { Refusal } from '../../core/refusal.ts'
import type { Text } from '../../core/text.ts'
import type { ItemReading, SharedItems } from '../../dialects/dialect.ts'
import { endOfValue, itemDepth, walkBody } from './body-walk.ts'

/** Reads bodies with what is known of earlier ones. */
export interface SharedBodies {
  /**
   * @param body valid UTF-8
   * @param owner whose body it is
   * @returns undefined if it is to be read as a whole: it is short, or too long to be kept, or no strict JSON object
   */
  read(body: Buffer, owner: string): SharedBody | undefined
}

/** A body, and what it shares with others of its caller. */
export interface SharedBody {
  readonly document: JsonObject
  readonly items: SharedItems
  /** What is made of their texts. */
  readonly derived: Derived
}

/** Bytes of a body. Keeping what is in a shorter one costs more than it saves. */
const minBody = 4096
const maxBody = 2 * 1024 * 1024
/** Of one body; what has more of them is read as a whole. */
const maxItems = 4096
/** An item is held as bytes, as text, as what was read of it and as the JSON that is made of that. */
const byteWeight = 4
const itemWeight = 1024
/** Of an object, a list or a member, as it came and as it was read: `{}` is two bytes and takes many times as much. */
const thingWeight = 64
/** Characters of the names of tools and calls of one caller: a request says most of those that the one before said. */
const maxNames = 64 * 1024
/** Of one caller, in two halves. */
const ownersShare = 16 * 1024 * 1024
const maxWeight = 4 * ownersShare

/** Makes an empty memory. @param memory of all requests, whose budget includes this */
export function createSharedBodies(memory: HeldBytes): SharedBodies {
  const books = new LRUCache<string, { readonly book: Book }>({ maxSize: maxWeight })
  const hold = memory.open()
  let isCharging = false
  const forget = () => {
    books.clear()
    if (!isCharging) hold.answer(0)
  }
  memory.onShortage(forget)
  const charge = () => {
    isCharging = true
    try {
      hold.answer(books.calculatedSize)
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
    } finally {
      isCharging = false
    }
    if (books.size === 0) forget()
  }
  return {
    read(body, owner) {
      if (body.length < minBody || body.length > maxBody) return undefined
      const { book } = books.get(owner) ?? { book: new Book() }
      const reading = new Reading(body, book)
      try {
        const document = walkBody(body, (at) => reading.item(at))
        reading.keep()
        // Its size is asked for again only with another value.
        books.set(owner, { book }, { size: book.weight + 1 })
        charge()
        return { document, items: book, derived: book.derived }
      } catch (error) {
        // Read as a whole it is refused with the right words, or is not.
        if (error instanceof JsonFault) return undefined
        throw error
      }
    },
  }
}

interface Item {
  readonly hash: number
  readonly bytes: Buffer
  readonly value: JsonObject
  readonly weight: number
}

/** One reading of one body. */
class Reading {
  readonly #body: Buffer
  readonly #book: Book
  readonly #fresh: {
    readonly hash: number
    readonly from: number
    readonly end: number
    readonly value: JsonObject
    readonly things: number
  }[] = []
  #count = 0

  constructor(body: Buffer, book: Book) {
    this.#body = body
    this.#book = book
  }

  /** @throws JsonFault */
  item(from: number): { readonly value: JsonObject; readonly end: number } {
    if (++this.#count > maxItems) throw new JsonFault('not valid JSON')
    const body = this.#body
    const known = this.#book.find(hashOf(body, from, from + telling), body, from)
    if (known) return { value: known.value, end: from + known.bytes.length }
    const end = endOfValue(body, from)
    const hash = hashOf(body, from, Math.min(end, from + telling))
    const short = end < from + telling ? this.#book.find(hash, body, from) : undefined
    if (short) return { value: short.value, end }
    const value = readJson(body.toString('utf8', from, end), itemDepth)
    if (!isObject(value)) throw new JsonFault('not valid JSON')
    this.#fresh.push({ hash, from, end, value, things: freezeDeep(value) })
    return { value, end }
  }

  /** Keeps the items that are new, in memory of their own. */
  keep(): void {
    const length = this.#fresh.reduce((sum, { from, end }) => sum + end - from, 0)
    const copy = Buffer.allocUnsafeSlow(length)
    let at = 0
    for (const { hash, from, end, value, things } of this.#fresh) {
      const bytes = copy.subarray(at, at + end - from)
      this.#body.copy(copy, at, from, end)
      at += end - from
      const weight = bytes.length * byteWeight + itemWeight + things * thingWeight
      this.#book.add({ hash, bytes, value, weight })
    }
  }
}

/** Items whose first bytes have one hash; more are not kept. */
const maxAlike = 8

/** The items of one caller. What was not used while the newer half filled up is dropped. */
class Book implements SharedItems {
  readonly derived = new Derived()
  readonly #readings = new WeakMap<JsonObject, ItemReading | undefined>()
  readonly #names = new LRUCache<string, Text>({
    maxSize: maxNames,
    sizeCalculation: (_names, text) => text.length,
  })
  #newer = new Map<number, Item[]>()
  #older = new Map<number, Item[]>()
  #newerWeight = 0
  #olderWeight = 0

  get weight(): number {
    return (
      this.#newerWeight + this.#olderWeight + this.#names.calculatedSize * byteWeight + this.derived.bytes
    )
  }

  has(item: JsonObject): boolean {
    return this.#readings.has(item)
  }

  get(item: JsonObject): ItemReading | undefined {
    return this.#readings.get(item)
  }

  set(item: JsonObject, reading: ItemReading): void {
    this.#readings.set(item, reading)
  }

  names(text: string): Text {
    const known = this.#names.get(text)
    if (known) return known
    const names: Text = { channel: 'definition', text, lasting: true }
    this.#names.set(text, names)
    return names
  }

  /** @returns the item whose bytes stand there */
  find(hash: number, body: Buffer, at: number): Item | undefined {
    const item = standingAt(this.#newer.get(hash), body, at)
    if (item) return item
    const older = standingAt(this.#older.get(hash), body, at)
    if (older) this.#keep(older)
    return older
  }

  add(item: Item): void {
    this.#readings.set(item.value, undefined)
    this.#keep(item)
  }

  #keep(item: Item): void {
    const alike = this.#newer.get(item.hash)
    if (alike && alike.length >= maxAlike) alike.shift()
    if (alike) alike.push(item)
    else this.#newer.set(item.hash, [item])
    this.#newerWeight += item.weight
    if (this.#newerWeight <= ownersShare / 2) return
    this.#older = this.#newer
    this.#olderWeight = this.#newerWeight
    this.#newer = new Map()
    this.#newerWeight = 0
  }
}

function standingAt(items: readonly Item[] | undefined, body: Buffer, at: number): Item | undefined {
  if (!items) return undefined
  for (const item of items) {
    const end = at + item.bytes.length
    if (end <= body.length && item.bytes.compare(body, at, end) === 0) return item
  }
  return undefined
}

/** Bytes from the beginning of an item by which it is looked up: messages differ behind the name of their role. */
const telling = 96

/** After FNV-1a, of four bytes at a time; whoever makes many alike only loses what is kept of them. */
function hashOf(body: Buffer, from: number, end: number): number {
  let hash = 0x811c9dc5
  const last = Math.min(end, body.length)
  let at = from
  for (; at + 4 <= last; at += 4) {
    const [a = 0, b = 0, c = 0, d = 0] = [body[at], body[at + 1], body[at + 2], body[at + 3]]
    hash = Math.imul(hash ^ (a | (b << 8) | (c << 16) | (d << 24)), 0x01000193)
    hash ^= hash >>> 15
  }
  for (; at < last; at++) hash = Math.imul(hash ^ (body[at] ?? 0), 0x01000193)
  return hash
}
