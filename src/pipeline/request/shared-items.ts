/**
 * The messages and tools of earlier bodies. A client sends the whole conversation with every request; items with the same
 * bytes as in an earlier body of the same caller are neither parsed nor read again. The bytes are compared, not a digest.
 * An object ends where its bracket closes, so bytes that begin with those of an object hold the same object.
 *
 * Kept by caller: if one caller's text made another's request faster, timing would reveal what others have said. Bounded by
 * caller and in sum; the least recently used items go first, and all go when requests need the memory.
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

/** Bytes. Keeping the items of a shorter body costs more than it saves. */
const minBody = 4096
const maxBody = 2 * 1024 * 1024
/** A body with more items is read as a whole. */
const maxItems = 4096
/** Weight of an item by its bytes: held as bytes, as text, as what was read of it, and as the JSON made of that. */
const byteWeight = 4
const itemWeight = 1024
/** Weight of an object, a list or a member, as it came and as it was read: `{}` is two bytes and takes many times as much. */
const nodeWeight = 64
/** Characters of the names of tools and calls of one caller: a request says most of those that the one before said. */
const maxNames = 64 * 1024
/** Weight of one caller's items, both generations together. */
const ownersShare = 16 * 1024 * 1024
const maxWeight = 4 * ownersShare

/** Makes an empty cache. @param memory the budget of all requests, which the cache counts towards */
export function createSharedBodies(memory: HeldBytes): SharedBodies {
  const caches = new LRUCache<string, { readonly items: ItemCache }>({ maxSize: maxWeight })
  const hold = memory.open()
  let isCharging = false
  const forget = () => {
    caches.clear()
    if (!isCharging) hold.answer(0)
  }
  memory.onShortage(forget)
  const charge = () => {
    isCharging = true
    try {
      hold.answer(caches.calculatedSize)
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
    } finally {
      isCharging = false
    }
    if (caches.size === 0) forget()
  }
  return {
    read(body, owner) {
      if (body.length < minBody || body.length > maxBody) return undefined
      const { items } = caches.get(owner) ?? { items: new ItemCache() }
      const reader = new BodyReader(body, items)
      try {
        const document = walkBody(body, (at) => reader.item(at))
        reader.keep()
        // The cache looks at the new size only if the value is another object.
        caches.set(owner, { items }, { size: items.weight + 1 })
        charge()
        return { document, items, derived: items.derived }
      } catch (error) {
        // Reading it as a whole decides whether it is refused, and in which words.
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

/** Reads one body, and keeps its new items. */
class BodyReader {
  readonly #body: Buffer
  readonly #items: ItemCache
  readonly #fresh: {
    readonly hash: number
    readonly from: number
    readonly end: number
    readonly value: JsonObject
    readonly nodes: number
  }[] = []
  #count = 0

  constructor(body: Buffer, items: ItemCache) {
    this.#body = body
    this.#items = items
  }

  /** @throws JsonFault */
  item(from: number): { readonly value: JsonObject; readonly end: number } {
    if (++this.#count > maxItems) throw new JsonFault('not valid JSON')
    const body = this.#body
    const known = this.#items.find(hashOf(body, from, from + hashedBytes), body, from)
    if (known) return { value: known.value, end: from + known.bytes.length }
    const end = endOfValue(body, from)
    const hash = hashOf(body, from, Math.min(end, from + hashedBytes))
    const short = end < from + hashedBytes ? this.#items.find(hash, body, from) : undefined
    if (short) return { value: short.value, end }
    const value = readJson(body.toString('utf8', from, end), itemDepth)
    if (!isObject(value)) throw new JsonFault('not valid JSON')
    this.#fresh.push({ hash, from, end, value, nodes: freezeDeep(value) })
    return { value, end }
  }

  /** Keeps the items that are new, in memory of their own. */
  keep(): void {
    const length = this.#fresh.reduce((sum, { from, end }) => sum + end - from, 0)
    const copy = Buffer.allocUnsafeSlow(length)
    let at = 0
    for (const { hash, from, end, value, nodes } of this.#fresh) {
      const bytes = copy.subarray(at, at + end - from)
      this.#body.copy(copy, at, from, end)
      at += end - from
      const weight = bytes.length * byteWeight + itemWeight + nodes * nodeWeight
      this.#items.add({ hash, bytes, value, weight })
    }
  }
}

/** How many items with the same hash of their first bytes are kept, the latest. */
const maxAlike = 8

/** The items of one caller, in two generations: what was not used while the newer one filled up is dropped. */
class ItemCache implements SharedItems {
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

/** Bytes at the beginning of an item that its hash covers: messages differ soon after the name of their role. */
const hashedBytes = 96

/** A variant of FNV-1a over four bytes at a time. A caller who makes hashes collide only loses cached items. */
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
