/**
 * The arguments of a tool call, read so strictly that no other program can read them otherwise: strict JSON, no key
 * twice, none that differs from another only in its case (Go takes either), no number with more digits than a double
 * holds (JavaScript rounds it, Python does not). And their one canonical text, by which an approval knows them.
 */
import { foldKey } from '../core/fold.ts'
import { isObject, JsonFault, type JsonObject, type JsonValue, readJson } from '../core/json.ts'

/** Characters of arguments that are judged; what is longer is no tool call that rules were made for. */
const maxArguments = 256 * 1024
/** Characters, canonical, of what a human can be asked about: nobody says yes to what is not shown whole. */
export const maxApproved = 8 * 1024
const maxDigits = 15
/** Strings are stepped over whole, so that a number is never found in one. */
const stringOrNumber = /"(?:[^"\\]|\\.)*"|-?\d[\d.]*/g

/**
 * Reads the arguments of a tool call.
 * @returns undefined if programs may read the text differently, or if it is no object. Linear in the text
 */
export function readArguments(text: string): JsonObject | undefined {
  if (text.length > maxArguments) return undefined
  // Models that call a tool without arguments write nothing at all.
  if (text.trim() === '') return {}
  try {
    const value = readJson(text)
    return isObject(value) && !hasTwins(value) && !hasLongNumber(text) ? value : undefined
  } catch (error) {
    if (error instanceof JsonFault) return undefined
    throw error
  }
}

function hasLongNumber(text: string): boolean {
  for (const [token] of text.matchAll(stringOrNumber))
    if (!token.startsWith('"') && token.replace(/^-?[0.]*/, '').replace('.', '').length > maxDigits)
      return true
  return false
}

function hasTwins(value: JsonValue): boolean {
  if (Array.isArray(value)) return value.some(hasTwins)
  if (!isObject(value)) return false
  const keys = Object.keys(value)
  return new Set(keys.map(foldKey)).size < keys.length || Object.values(value).some(hasTwins)
}

/** Lists every key of every object in a value. */
export function* keysOf(value: JsonValue): Generator<string> {
  if (Array.isArray(value)) for (const item of value) yield* keysOf(item)
  else if (isObject(value))
    for (const [key, member] of Object.entries(value)) {
      yield key
      yield* keysOf(member)
    }
}

/** Prints a value the same, whatever the sequence of its keys and however its strings were escaped. */
export function canonical(value: JsonValue): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (!isObject(value)) return JSON.stringify(value)
  const members = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return `{${members.map(([key, member]) => `${JSON.stringify(key)}:${canonical(member)}`).join(',')}}`
}
