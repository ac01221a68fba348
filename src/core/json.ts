/**
 * The one strict JSON reader (RFC 8259), so that no second parser can see another document.
 *
 * Beyond what the grammar refuses (trailing data, a byte order mark, control characters), it refuses what
 * parsers are known to read differently: a key twice in one object at any depth, lone surrogates, more than
 * 64 levels, numbers that overflow. It does not judge what keys mean; keys that merely fold to a known one
 * are found by `dialects/common/shape.ts`.
 *
 * The platform's parser does the parsing (four times as fast as ours was). What it would forgive is found
 * beside it: a repeated key overwrites its first value, so a document holds one exactly if it has more
 * member colons than the parsed value has members.
 */

/** Any value that JSON can hold. */
export type JsonValue = string | number | boolean | null | JsonValue[] | JsonObject
/** A JSON object. */
export interface JsonObject {
  [key: string]: JsonValue
}

/** Why a JSON text was refused. */
export type JsonFaultKind =
  | 'not valid JSON'
  | 'a key occurs twice in one object'
  | 'nested deeper than 64 levels'
  | 'a number is out of range'
  | 'a string contains a lone surrogate'

/** Why a text was refused. The message holds nothing of the text. */
export class JsonFault extends Error {
  readonly kind: JsonFaultKind
  constructor(kind: JsonFaultKind) {
    super(kind)
    this.name = 'JsonFault'
    this.kind = kind
  }
}

/** How many objects and lists may be nested. */
export const maxDepth = 64

/**
 * Reads one JSON document, in time linear in the text.
 * @param within how many objects and lists it stands in
 * @throws JsonFault
 */
export function readJson(text: string, within = 0): JsonValue {
  // First, because it bounds the depth.
  const members = countColons(text, within)
  const value = parse(text)
  // Decoding the body has refused bad UTF-8, so only an escape can make a surrogate.
  if (countMembers(value, text.includes('\\u')) !== members) throw twice()
  return value
}

/** As the platform reads it, for who looks for twins itself. @throws JsonFault */
export function parse(text: string): JsonValue {
  const value = tryJson(text)
  if (value === undefined) throw new JsonFault('not valid JSON')
  return value
}

/** @param value what was read of the text @throws JsonFault if a key occurs twice in one object, or it is too deep */
export function refuseTwins(text: string, value: JsonValue): void {
  if (countColons(text, 0) !== countMembers(value, false)) throw twice()
}

function twice(): JsonFault {
  return new JsonFault('a key occurs twice in one object')
}

/**
 * As the platform reads it, twins and all: for what the gate wrote itself, and for what is checked against a schema and
 * never forwarded. @returns undefined if it is no JSON
 */
export function tryJson(text: string): JsonValue | undefined {
  try {
    return JSON.parse(text) as JsonValue
  } catch {
    return undefined
  }
}

const maxContainers = 400_000

/** Whether a text has more objects and lists than any document needs, which takes seconds to read. */
export function isCrowded(text: string): boolean {
  if (text.length < maxContainers) return false
  let containers = 0
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    if (unit === 0x7b /* { */ || unit === 0x5b /* [ */) containers++
  }
  return containers > maxContainers
}

/** Colons outside strings. Bounds the depth first, so that nothing behind it recurses further. */
function countColons(text: string, within: number): number {
  let colons = 0
  let depth = within
  const { length } = text
  for (let at = 0; at < length; at++) {
    const unit = text.charCodeAt(at)
    if (unit === 0x22 /* " */) {
      // Most strings are names and words: shorter than a search pays for.
      let end = at + 1
      const near = Math.min(length, at + 48)
      while (end < near && text.charCodeAt(end) !== 0x22) end += text.charCodeAt(end) === 0x5c ? 2 : 1
      at = end < near ? end : endOfString(text, at)
      if (at === -1) throw new JsonFault('not valid JSON')
    } else if (unit === 0x3a /* : */) colons++
    else if (unit === 0x7b /* { */ || unit === 0x5b /* [ */) {
      if (++depth > maxDepth) throw new JsonFault('nested deeper than 64 levels')
    } else if (unit === 0x7d /* } */ || unit === 0x5d /* ] */) depth--
  }
  return colons
}

/** The index of the quote that closes the string opened at `open`, or -1. */
function endOfString(text: string, open: number): number {
  let runEnd = open
  for (let quote = text.indexOf('"', open + 1); quote !== -1; quote = text.indexOf('"', quote + 1)) {
    // Backslashes before an earlier quote are not looked at again, which keeps `\\\\\\…` linear.
    let slash = quote - 1
    while (slash > runEnd && text.charCodeAt(slash) === 0x5c) slash--
    if ((quote - slash) % 2 === 1) return quote
    runEnd = quote
  }
  return -1
}

function countMembers(value: JsonValue, mayHoldSurrogates: boolean): number {
  if (typeof value === 'string') {
    if (mayHoldSurrogates && !value.isWellFormed()) throw new JsonFault('a string contains a lone surrogate')
    return 0
  }
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new JsonFault('a number is out of range')
    return 0
  }
  if (typeof value !== 'object' || value === null) return 0
  let members = 0
  if (Array.isArray(value)) {
    for (const item of value) members += countMembers(item, mayHoldSurrogates)
    return members
  }
  for (const key of Object.keys(value)) {
    if (mayHoldSurrogates && !key.isWellFormed()) throw new JsonFault('a string contains a lone surrogate')
    members += 1 + countMembers(value[key] as JsonValue, mayHoldSurrogates)
  }
  return members
}

/** Of an object, the members of these names that it has. */
export function pick(from: JsonObject, keys: readonly string[]): JsonObject {
  return Object.fromEntries(keys.flatMap((key) => (from[key] === undefined ? [] : [[key, from[key]]])))
}

/** @returns a string as it is, and nothing for what is none */
export function stringOf(value: JsonValue | undefined): string {
  return typeof value === 'string' ? value : ''
}

/** Returns whether a value is a JSON object. */
export function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * Freezes a value and all that is in it. It must be nested no deeper than `readJson` allows.
 * @returns how many objects, lists and members of objects it has, which take memory beside their bytes
 */
export function freezeDeep(value: JsonValue): number {
  if (typeof value !== 'object' || value === null) return 0
  let count = 1
  if (Array.isArray(value)) for (const item of value) count += freezeDeep(item)
  else for (const key of Object.keys(value)) count += 1 + freezeDeep(value[key] as JsonValue)
  Object.freeze(value)
  return count
}

/** Returns the objects of a list; of anything else, none. */
export function objectsIn(value: JsonValue | undefined): JsonObject[] {
  return Array.isArray(value) ? value.filter(isObject) : []
}
