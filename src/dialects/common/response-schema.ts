/**
 * Reads a frame of a response as strictly as a request body. Most frames leave as they came, so every client must see the
 * document that the gateway saw: no key occurs twice or differs from a known one only in case (Go takes it for that one),
 * and known members have the type that their reader expects. Lone surrogates are allowed.
 */
import { foldKey } from '../../core/fold.ts'
import {
  isCrowded,
  isObject,
  JsonFault,
  type JsonObject,
  type JsonValue,
  maxDepth,
  parse,
  refuseTwins,
} from '../../core/json.ts'
import { Refusal } from '../../core/refusal.ts'
import type { Frame } from '../framing/framing.ts'

/** What a member must be, unless it is absent or null. `word`: a type or a role, without white space. */
type Member =
  | 'any'
  | 'string'
  | 'word'
  | 'index'
  | 'never'
  | 'parts'
  | ResponseSchema
  | readonly [ResponseSchema]

/**
 * Forbids the members in which some client might look for a tool call, because no such call would be judged.
 * @param names those that this object does have
 */
export function noCallsExcept(...names: readonly string[]): Readonly<Record<string, Member>> {
  return Object.fromEntries(
    callMembers.filter((name) => !names.includes(name)).map((name): [string, Member] => [name, 'never']),
  )
}
const callMembers = [
  'tool_calls',
  'tool_call',
  'toolCalls',
  'function_call',
  'functionCall',
  'tool_use',
  'function',
]

/** Forbids further members for the name and the arguments of a call, which must be in one place only. */
export function noArgumentsExcept(...names: readonly string[]): Readonly<Record<string, Member>> {
  return Object.fromEntries(
    argumentMembers.filter((name) => !names.includes(name)).map((name): [string, Member] => [name, 'never']),
  )
}
const argumentMembers = ['name', 'arguments', 'input', 'parameters', 'args']

/** The known members of an object, which may have others. */
export interface ResponseSchema {
  readonly members: ReadonlyMap<string, Member>
  readonly folded: ReadonlySet<string>
  /** Other keys that were seen and found unlike the known ones. */
  readonly others: Set<string>
}

const maxRemembered = 64
/** Of one list of choices, calls, blocks or items. */
const maxItems = 4096

/** Declares the known members of an object. */
export function schema(members: Readonly<Record<string, Member>>): ResponseSchema {
  return {
    members: new Map(Object.entries(members)),
    folded: new Set(Object.keys(members).map(foldKey)),
    others: new Set(),
  }
}

/**
 * Parses a frame.
 * @returns undefined if the document is no object
 * @throws JsonFault if it is no strict JSON (RFC 8259)
 * @throws Refusal `upstream_failed` if it violates the schema
 */
export function readFrame({ data }: Frame, known: ResponseSchema): JsonObject | undefined {
  if (isCrowded(data)) malformed('a frame of too many objects')
  const document = parse(data)
  const length = isObject(document) ? checkObject(document, known, 0) : Number.NaN
  // A document with a repeated key is longer than what was read of it, so most frames need no search for one.
  if (length !== data.length || data.includes('\\')) refuseTwins(data, document)
  return isObject(document) ? document : undefined
}

/** Checks a document that is serialised anew. @throws Refusal `upstream_failed` @throws JsonFault if it is too deep */
export function requireSchema(document: JsonObject, known: ResponseSchema): void {
  checkObject(document, known, 0)
}

/** Checks that an event's name is its type, because clients go by either. @throws Refusal `upstream_failed` */
export function checkEventName({ event }: Frame, { type }: JsonObject): void {
  if (event !== undefined && event !== type) malformed('an event whose name is not its type')
}

/** @param detail for the log, without a word of the response @throws Refusal `upstream_failed` */
export function malformed(detail: string): never {
  throw new Refusal('upstream_failed', { detail })
}

// Each of these walks a value once and returns its minimal length: serialised without white space and escapes. NaN means
// that the length is unknown.

function checkObject(object: JsonObject, known: ResponseSchema, depth: number): number {
  let length = 1
  for (const key in object) {
    const value = object[key] ?? null
    const member = known.members.get(key)
    if (member === undefined) checkKey(key, known)
    const isFree = member === undefined || member === 'any' || value === null
    length +=
      key.length + 4 + (isFree ? minLengthOf(value, depth + 1) : checkMember(value, member, depth + 1))
    // After the check of the depth, because this recurses too.
    if (member === undefined) requireNoCall(value)
  }
  return length === 1 ? 2 : length
}

function minLengthOf(value: JsonValue, depth: number): number {
  if (typeof value === 'string') return value.length + 2
  if (typeof value === 'number') return isShortest(value) ? String(value).length : Number.NaN
  if (typeof value === 'boolean') return value ? 4 : 5
  if (value === null) return 4
  if (depth > maxDepth) throw new JsonFault('nested deeper than 64 levels')
  let length = 1
  if (Array.isArray(value)) for (const item of value) length += 1 + minLengthOf(item, depth + 1)
  else for (const key in value) length += key.length + 4 + minLengthOf(value[key] ?? null, depth + 1)
  return length === 1 ? 2 : length
}

/** Tells whether a number has no shorter notation: `100` is also `1e2`. */
function isShortest(value: number): boolean {
  return Number.isSafeInteger(value) && (value % 10 !== 0 || value === 0)
}

function checkKey(key: string, { folded, others }: ResponseSchema): void {
  if (others.has(key)) return
  if (folded.has(foldKey(key)))
    malformed('a response key differs from a known key only in case or invisible characters')
  if (others.size < maxRemembered) others.add(key)
}

function checkMember(value: JsonValue, member: Exclude<Member, 'any'>, depth: number): number {
  if (member === 'string') return typeof value === 'string' ? value.length + 2 : malformed(wrongKind)
  if (member === 'word')
    return typeof value === 'string' && plainWord.test(value) ? value.length + 2 : malformed(wrongKind)
  if (member === 'never') return malformed('something that could be read as a call, where none belongs')
  if (member === 'parts') return checkParts(value, depth)
  if (member === 'index') return isIndex(value) ? minLengthOf(value, depth) : malformed(wrongKind)
  if ('members' in member) return isObject(value) ? checkObject(value, member, depth) : malformed(wrongKind)
  if (!Array.isArray(value) || value.length > maxItems) return malformed(wrongKind)
  let length = 1
  for (const item of value) length += 1 + checkMember(item, member[0], depth + 1)
  return length === 1 ? 2 : length
}

/** Programs that trim a word, or cut it at white space, would read another one. */
const plainWord = /^[\w.:-]*$/
const callType = /(?:^|[_.-])(?:use|call)$/i

/** Checks content that may be a list of parts, none of which may be a call. */
function checkParts(value: JsonValue, depth: number): number {
  if (!Array.isArray(value)) return minLengthOf(value, depth)
  for (const part of value) {
    if (!isObject(part) || part.type === undefined) continue
    if (typeof part.type !== 'string' || !plainWord.test(part.type)) malformed(wrongKind)
    if (callType.test(part.type)) malformed('a call among the parts of a text')
  }
  return minLengthOf(value, depth)
}

/** Checks that an unknown member holds no call, because some client might look for one there. */
function requireNoCall(value: JsonValue): void {
  if (typeof value !== 'object' || value === null) return
  if (Array.isArray(value)) {
    for (const item of value) requireNoCall(item)
    return
  }
  const { type, name } = value
  if (typeof type === 'string' && typeof name === 'string' && callType.test(type)) malformed(unexpectedCall)
  for (const [key, member] of Object.entries(value)) {
    if (typeof member !== 'object' || member === null) continue
    if (hiddenCalls.has(key) && Object.keys(member).length > 0) malformed(unexpectedCall)
    requireNoCall(member)
  }
}
const hiddenCalls: ReadonlySet<string> = new Set(callMembers.filter((name) => name !== 'function'))
const unexpectedCall = 'a call where the API has none'

const wrongKind = 'a member of the answer is not of its kind, or too long a list'

function isIndex(value: JsonValue): boolean {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}
