/**
 * How a frame of an answer is read: as strictly as the body of a request, but for halves of characters. Most of it leaves
 * as it came, so that whoever reads it behind the gate must see the document that the gate has seen: no key stands twice
 * or differs from a known one only in its letters' case (Go would take it for that one), and what has a reader is of the
 * kind that the reader knows.
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

/** What a member must be, if it is there and not null. `word`: a kind or a role, without blanks. */
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
 * Members in which some client might look for a call, where the API has none: what would stand there nobody judges.
 * @param names which of them this object does have
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

/** What a call is given, and by what name: in one place only. */
export function noArgumentsExcept(...names: readonly string[]): Readonly<Record<string, Member>> {
  return Object.fromEntries(
    argumentMembers.filter((name) => !names.includes(name)).map((name): [string, Member] => [name, 'never']),
  )
}
const argumentMembers = ['name', 'arguments', 'input', 'parameters', 'args']

/** The known members of an object; it may have others. */
export interface ResponseSchema {
  readonly members: ReadonlyMap<string, Member>
  readonly folded: ReadonlySet<string>
  /** Other keys that were seen and are no twins. */
  readonly others: Set<string>
}

const maxRemembered = 64
/** Choices, calls, blocks or items in one list. */
const maxItems = 4096

export function schema(members: Readonly<Record<string, Member>>): ResponseSchema {
  return {
    members: new Map(Object.entries(members)),
    folded: new Set(Object.keys(members).map(foldKey)),
    others: new Set(),
  }
}

/**
 * @returns the document of a frame; undefined if it is no object
 * @throws JsonFault
 * @throws Refusal `upstream_failed` if it is not of this form
 */
export function readFrame({ data }: Frame, known: ResponseSchema): JsonObject | undefined {
  if (isCrowded(data)) malformed('a frame of too many objects')
  const document = parse(data)
  const length = isObject(document) ? checkObject(document, known, 0) : Number.NaN
  // Whoever has a key twice is longer than what was read of it: most frames need not be looked through for that.
  if (length !== data.length || data.includes('\\')) refuseTwins(data, document)
  return isObject(document) ? document : undefined
}

/** The same of what was parsed and is printed anew. @throws Refusal `upstream_failed` @throws JsonFault if it is too deep */
export function requireSchema(document: JsonObject, known: ResponseSchema): void {
  checkObject(document, known, 0)
}

/** Of an event that has a name: clients go by the name or by the type. @throws Refusal `upstream_failed` */
export function checkEventName({ event }: Frame, { type }: JsonObject): void {
  if (event !== undefined && event !== type) malformed('an event whose name is not its type')
}

/** @throws Refusal `upstream_failed` @param detail without a word of the answer */
export function malformed(detail: string): never {
  throw new Refusal('upstream_failed', { detail })
}

// All of these go through a frame once, and return how long it is at least: written without blanks and escapes. NaN:
// that cannot be told.

function checkObject(object: JsonObject, known: ResponseSchema, depth: number): number {
  let length = 1
  for (const key in object) {
    const value = object[key] as JsonValue
    const member = known.members.get(key)
    if (member === undefined) checkKey(key, known)
    const isFree = member === undefined || member === 'any' || value === null
    length +=
      key.length + 4 + (isFree ? minLengthOf(value, depth + 1) : checkMember(value, member, depth + 1))
    // Behind the look at how deep it is.
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
  else for (const key in value) length += key.length + 4 + minLengthOf(value[key] as JsonValue, depth + 1)
  return length === 1 ? 2 : length
}

/** Whether there is no shorter way to write it: `100` is also `1e2`. */
function isShortest(value: number): boolean {
  return Number.isSafeInteger(value) && (value % 10 !== 0 || value === 0)
}

function checkKey(key: string, { folded, others }: ResponseSchema): void {
  if (others.has(key)) return
  if (folded.has(foldKey(key))) malformed('a key of the answer is a twin of a known one')
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

/** Programs that trim a word, or cut it at its first blank, would read another. */
const plainWord = /^[\w.:-]*$/
const callType = /(?:^|[_.-])(?:use|call)$/i

/** Content that may be a list of parts: none of them calls anything. */
function checkParts(value: JsonValue, depth: number): number {
  if (!Array.isArray(value)) return minLengthOf(value, depth)
  for (const part of value) {
    if (!isObject(part) || part.type === undefined) continue
    if (typeof part.type !== 'string' || !plainWord.test(part.type)) malformed(wrongKind)
    if (callType.test(part.type)) malformed('a call among the parts of a text')
  }
  return minLengthOf(value, depth)
}

/** What the API does not have may hold anything but a call: some client might look for one there. */
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
  return Number.isSafeInteger(value) && (value as number) >= 0
}
