/**
 * Shapes of request bodies, from which the dialects are declared.
 *
 * A shape takes a parsed value, notes every text that it lets through, and returns a fresh value (undefined drops the
 * field). So what is forwarded and what was scanned are the same by construction. Unknown fields are dropped and noted; a
 * key that differs from a known one only in case is refused, because Go would take it for that one.
 */
import { foldKey } from '../../core/fold.ts'
import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts'
import { Refusal } from '../../core/refusal.ts'
import type { Channel } from '../../core/text.ts'
import type { Feature } from '../dialect.ts'
import { readShared } from './item-reading.ts'
import type { Notes } from './notes.ts'

/** Reads a value. `at` is its path, made of known names and indices, so an error may show it to the caller. */
export type Shape = (value: JsonValue, at: string, notes: Notes) => JsonValue | undefined

/** @param say the message for the caller @throws Refusal `invalid_request` */
export function invalid(say: string): never {
  throw new Refusal('invalid_request', { say })
}

function expected(at: string, what: string): never {
  return invalid(`\`${at}\` must be ${what}.`)
}

/** A text for the model. */
export function text(channel: Channel): Shape {
  return (value, at, notes) => {
    if (typeof value !== 'string') return expected(at, 'a string')
    notes.text(channel, value)
    return value
  }
}

/** A name or an id, which reaches the model but is no message. */
export const name: Shape = (value, at, notes) => {
  if (typeof value !== 'string') return expected(at, 'a string')
  notes.name(value)
  return value
}

/**
 * A keyword of the server (`high`, `json_object`, `base64`). Some prompt templates contain them, so one that is long
 * enough to carry a message is noted like a name.
 */
export const word: Shape = (value, at, notes) => {
  if (typeof value !== 'string' || !/^[\w.-]{1,32}$/.test(value))
    return expected(at, 'one of the values that the model server knows')
  if (value.length > 16) notes.name(value)
  return value
}

/** A string that matches a pattern, such as a media type. @param what names it in the error */
export function matching(form: RegExp, what: string): Shape {
  return (value, at) => (typeof value === 'string' && form.test(value) ? value : expected(at, what))
}

/** A keyword, or an object. */
export function wordOrObject(longer: ObjectShape): Shape {
  return (value, at, notes) => (isObject(value) ? longer : word)(value, at, notes)
}

/** A known field that the server does not get: dropped and noted. */
export const ignored: Shape = (_value, at, notes) => {
  notes.drop(at)
  return undefined
}

/** A part of a message that is text. */
export function textPart(channel: Channel): ObjectShape {
  return object({ type: word, text: text(channel) }, ['text'])
}

/** A refusal part, which SDKs send back as they received it. No server here knows it, so it becomes a text part. */
export function refusalPart(channel: Channel, textType: string): Shape {
  const refused = object({ type: word, refusal: text(channel) }, ['refusal'])
  return (value, at, notes) => {
    const { refusal = '' } = refused(value, at, notes)
    return { type: textType, text: refusal }
  }
}

/** The name of the model, which is never forwarded as it came. */
export const modelName: Shape = (value, at) => (typeof value === 'string' ? value : expected(at, 'a string'))

/** True or false. */
export const flag: Shape = (value, at) => (typeof value === 'boolean' ? value : expected(at, 'true or false'))

/** Any number. */
export const real: Shape = (value, at) => (typeof value === 'number' ? value : expected(at, 'a number'))

/** A whole number in a range. `1.0` counts: it is forwarded as `1`, which a Go integer field accepts. */
export function integer(min = Number.MIN_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER): Shape {
  return (value, at) => {
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max) return value
    return expected(at, 'an integer in range')
  }
}

/** Any JSON, such as a schema or the arguments of a tool. Every key and every string in it is noted as text. */
export function json(channel: Channel): Shape {
  return (value, _at, notes) => {
    const strings: string[] = []
    collectStrings(value, strings)
    notes.text(channel, strings.join('\n'))
    return value
  }
}

function collectStrings(value: JsonValue, into: string[]): void {
  if (typeof value === 'string') into.push(value)
  else if (Array.isArray(value)) for (const item of value) collectStrings(item, into)
  else if (isObject(value)) {
    for (const key of Object.keys(value)) {
      into.push(key)
      collectStrings(value[key] ?? null, into)
    }
  }
}

/** Messages, parts, tools or inputs of one request. OpenAI accepts 2,048 inputs. */
const maxItems = 4096

/** A list of at most 4,096 items. @param what names it in the error */
export function list(item: Shape, what = 'a list'): Shape {
  return (value, at, notes) => {
    if (!Array.isArray(value)) return expected(at, what)
    if (value.length > maxItems) return invalid(`\`${at}\` has more than ${maxItems} items.`)
    const items: JsonValue[] = []
    for (let index = 0; index < value.length; index++) {
      const read = readShared(item, value, index, at, notes)
      if (read !== undefined) items.push(read)
    }
    return items
  }
}

/** One value, or a list of them or of parts. */
export function oneOrMany(one: Shape, many = list(one)): Shape {
  return (value, at, notes) => (Array.isArray(value) ? many(value, at, notes) : one(value, at, notes))
}

/** Reads a shape, and then marks the texts that it noted: those from index `from` on. */
function marking<T>(
  shape: (value: JsonValue, at: string, notes: Notes) => T,
  mark: (notes: Notes, from: number) => void,
) {
  return (value: JsonValue, at: string, notes: Notes): T => {
    const from = notes.texts.length
    const read = shape(value, at, notes)
    mark(notes, from)
    return read
  }
}

/** Parts that a server may put behind each other with nothing between them. */
export function concatenated(parts: Shape): Shape {
  return marking(parts, (notes, from) => notes.concatenate(from))
}

/** A message, which may hold texts of other channels too. */
export function messageShape(channel: Channel, message: ObjectShape): ObjectShape {
  return marking(message, (notes, from) => notes.setAside(from, channel))
}

/** An item between messages that is no message. */
export function betweenMessages(shape: Shape): Shape {
  return marking(shape, (notes, from) => notes.setAside(from))
}

function isEmpty(value: JsonValue): boolean {
  return value === '' || value === false || (Array.isArray(value) && value.length === 0)
}

/** A field that is refused unless it is empty: clients send `conversation: ""` and the like by default. */
export function never(why: string): Shape {
  return (value) => (isEmpty(value) ? undefined : invalid(why))
}

/** A field that is refused unless it is empty or the caller's role allows the feature. */
export function onlyIfAllowed(feature: Feature, shape: Shape, why: string): Shape {
  return (value, at, notes) => {
    if (isEmpty(value)) return undefined
    return notes.allowed.has(feature)
      ? shape(value, at, notes)
      : invalid(`${why} The key’s role would need \`allow: [${feature}]\`.`)
  }
}

const stopTexts = oneOrMany(text('definition'))
/** Stop sequences; counted. */
export const stops: Shape = (value, at, notes) => {
  if (typeof value !== 'string' && !Array.isArray(value))
    return invalid(`\`${at}\` must be a string or a list of strings.`)
  notes.counts.stops += Array.isArray(value) ? value.length : 1
  return stopTexts(value, at, notes)
}

const anySchema = json('definition')
/** A JSON Schema that becomes the grammar of the response; measured. */
export const answerSchema: Shape = (value, at, notes) => {
  notes.counts.schema = Math.max(notes.counts.schema, JSON.stringify(value).length)
  return anySchema(value, at, notes)
}

/** Keeps an explicit null, which other shapes drop. */
export function nullable(shape: Shape): Shape {
  const reader: Shape = (value, at, notes) => (value === null ? null : shape(value, at, notes))
  return Object.assign(reader, { readsNull: true })
}

/** A shape that returns an object. */
export type ObjectShape = (value: JsonValue, at: string, notes: Notes) => JsonObject

/** An object with these fields. Unknown fields are dropped and noted; `required` ones must be present. */
export function object(
  fields: Readonly<Record<string, Shape>>,
  required: readonly string[] = [],
): ObjectShape {
  const known = new Map(Object.entries(fields))
  const folded = new Map(Object.keys(fields).map((key) => [foldKey(key), key]))
  return (value, at, notes) => {
    if (!isObject(value)) return expected(at, 'an object')
    const fresh: JsonObject = {}
    for (const key of Object.keys(value)) {
      const member = value[key] ?? null
      const shape = known.get(key)
      if (shape === undefined) {
        const twin = folded.get(foldKey(key))
        if (twin !== undefined)
          return invalid(`A key differs from \`${join(at, twin)}\` only in letter case.`)
        notes.drop(join(at, key))
        continue
      }
      // To a Go server null means absent. Only a repeated key could give it another meaning, and that is refused.
      if (member === null && !('readsNull' in shape)) continue
      const read = shape(member, join(at, key), notes)
      if (read !== undefined) fresh[key] = read
    }
    for (const key of required)
      if (fresh[key] === undefined) return invalid(`\`${join(at, key)}\` is missing.`)
    return fresh
  }
}

/**
 * Names the right route in the error for a body that was sent to the wrong one.
 * @param own the field that every body of this route has
 * @param others fields of other routes, each with its route
 */
export function withRouteHint(
  own: string,
  others: Readonly<Record<string, string>>,
  shape: ObjectShape,
): ObjectShape {
  const fields = Object.entries(others)
  return (value, at, notes) => {
    if (isObject(value) && !Object.hasOwn(value, own)) {
      const [field, route] = fields.find(([each]) => Object.hasOwn(value, each)) ?? []
      if (field !== undefined)
        invalid(`\`${own}\` is missing. A request with \`${field}\` belongs on \`${route}\`.`)
    }
    return shape(value, at, notes)
  }
}

/**
 * One shape for each value of an object's `role` or `type`. Other values are refused: servers put roles into the prompt
 * as they are, and a part of an unknown type cannot be inspected.
 */
export function variants(tag: string, shapes: Readonly<Record<string, Shape>>): Shape {
  const known = new Map(Object.entries(shapes))
  const words = [...known.keys()].join(', ')
  return (value, at, notes) => {
    const chosen = isObject(value) ? value[tag] : undefined
    const shape = typeof chosen === 'string' ? known.get(chosen) : undefined
    return shape ? shape(value, at, notes) : expected(join(at, tag), `one of ${words}`)
  }
}

function join(at: string, key: string): string {
  return at === '' ? key : `${at}.${key}`
}
