/**
 * Walks over the bytes of a JSON object and finds the objects that stand in its lists: messages, items, tools. Everything
 * else it leaves to `readJson`, as a document in which a zero stands for each of them.
 *
 * Why that reads what a reading of the whole would: JSON is read from left to right, and which token begins at a byte
 * depends on nothing but what precedes it. The walk cuts only where a list goes on (behind `[` or `,`), so the object
 * is a value there, and so is the zero. If the document with zeros is JSON, and each object is, so is the body, and it has the
 * same values. Whatever else the walk comes across it does not understand, and the body is read as a whole.
 */
import { isObject, JsonFault, type JsonObject, type JsonValue, parse, readJson } from '../../core/json.ts'

/** Gives the object that begins at a byte, and says where it ends. @throws JsonFault */
export type ReadItem = (at: number) => { readonly value: JsonObject; readonly end: number }

/** How deep an item of a list of the body is nested. */
export const itemDepth = 2

const quote = 0x22
const comma = 0x2c
const backslash = 0x5c
const openList = 0x5b
const closeList = 0x5d
const openObject = 0x7b
const closeObject = 0x7d

/**
 * Reads a body.
 * @param body valid UTF-8
 * @throws JsonFault also where a reading of the whole would not: that one decides
 */
export function walkBody(body: Buffer, readItem: ReadItem): JsonObject {
  return new BodyWalk(body, readItem).read()
}

interface List {
  readonly key: JsonValue
  readonly items: readonly (JsonObject | undefined)[]
}

class BodyWalk {
  readonly #body: Buffer
  readonly #readItem: ReadItem
  readonly #lists: List[] = []
  #at = 0
  /** Bytes before this are in the frame. */
  #framed = 0
  /** The body as text, with zeros in the place of its items. */
  #frame = ''

  constructor(body: Buffer, readItem: ReadItem) {
    this.#body = body
    this.#readItem = readItem
  }

  read(): JsonObject {
    if (this.#next() !== openObject) throw notUnderstood()
    this.#at++
    if (this.#next() !== closeObject) {
      this.#member()
      while (this.#next() === comma) {
        this.#at++
        this.#member()
      }
    }
    const document = readJson(this.#frame + this.#body.toString('utf8', this.#framed))
    if (!isObject(document)) throw notUnderstood()
    for (const { key, items } of this.#lists) putInto(document[String(key)], items)
    return document
  }

  #member(): void {
    this.#next()
    const from = this.#at
    this.#at = endOfString(this.#body, from)
    const to = this.#at
    // A colon: if it is none, the frame is no JSON.
    this.#next()
    this.#at++
    if (this.#next() !== openList) this.#at = endOfValue(this.#body, this.#at)
    else this.#lists.push({ key: parse(this.#body.toString('utf8', from, to)), items: this.#list() })
  }

  #list(): (JsonObject | undefined)[] {
    const items: (JsonObject | undefined)[] = []
    this.#at++
    if (this.#next() === closeList) {
      this.#at++
      return items
    }
    for (;;) {
      items.push(this.#item())
      const byte = this.#next()
      this.#at++
      if (byte === closeList) return items
      if (byte !== comma) throw notUnderstood()
    }
  }

  #item(): JsonObject | undefined {
    if (this.#next() !== openObject) {
      this.#at = endOfValue(this.#body, this.#at)
      return undefined
    }
    const { value, end } = this.#readItem(this.#at)
    // Mostly a comma stands between two of them, and nothing else.
    const isComma = this.#at === this.#framed + 1 && this.#body[this.#framed] === comma
    this.#frame += isComma ? ',0' : `${this.#body.toString('utf8', this.#framed, this.#at)}0`
    this.#at = this.#framed = end
    return value
  }

  /** Skips blanks. @returns the byte that follows, or undefined */
  #next(): number | undefined {
    let byte = this.#body[this.#at]
    while (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) byte = this.#body[++this.#at]
    return byte
  }
}

/** Puts the items where the frame has zeros. */
function putInto(list: JsonValue | undefined, items: readonly (JsonObject | undefined)[]): void {
  if (!Array.isArray(list) || list.length !== items.length) throw notUnderstood()
  for (const [index, item] of items.entries()) {
    if (item === undefined) continue
    if (list[index] !== 0) throw notUnderstood()
    list[index] = item
  }
}

function notUnderstood(): JsonFault {
  return new JsonFault('not valid JSON')
}

/** The index behind a value. @throws JsonFault if it has no end */
export function endOfValue(body: Buffer, from: number): number {
  const first = body[from]
  if (first === quote) return endOfString(body, from)
  if (first === openObject || first === openList) return endOfContainer(body, from)
  for (let at = from; at < body.length; at++) {
    const byte = body[at] ?? 0
    if (byte <= 0x20 || byte === comma || byte === closeList || byte === closeObject) return at
  }
  throw notUnderstood()
}

function endOfContainer(body: Buffer, from: number): number {
  let depth = 0
  for (let at = from; at < body.length; at++) {
    const byte = body[at]
    if (byte === quote) at = endOfString(body, at) - 1
    else if (byte === openObject || byte === openList) depth++
    else if ((byte === closeObject || byte === closeList) && --depth === 0) return at + 1
  }
  throw notUnderstood()
}

/** Bytes that are looked at one by one before `indexOf` is called: most strings are shorter, and a call costs more. */
const near = 48

function endOfString(body: Buffer, open: number): number {
  if (body[open] !== quote) throw notUnderstood()
  let at = open + 1
  const until = Math.min(body.length, at + near)
  while (at < until && body[at] !== quote) at += body[at] === backslash ? 2 : 1
  if (at < until) return at + 1
  for (let runEnd = at - 1, end = body.indexOf(quote, at); end !== -1; end = body.indexOf(quote, end + 1)) {
    // Backslashes before an earlier quote are not looked at again, which keeps `\\\\\\…` linear.
    let slash = end - 1
    while (slash > runEnd && body[slash] === backslash) slash--
    if ((end - slash) % 2 === 1) return end + 1
    runEnd = end
  }
  throw notUnderstood()
}
