/**
 * How a frame of an answer is read: as strictly as the body of a request, but for halves of characters. Most of it leaves as it came, so that whoever
 * reads it behind the gate must see the document that the gate has seen: no key stands twice or differs from a known one
 * only in its letters' case (Go would take it for that one), and what has a reader is of the kind that the reader knows.
 */
import { foldKey } from '../core/fold.ts'
import { isObject, type JsonObject, type JsonValue, readJson } from '../core/json.ts'
import { Refusal } from '../core/refusal.ts'
import type { Frame } from './framing/framing.ts'

/** What a member must be, if it is there and not null. */
type Member = 'any' | 'string' | 'index' | Form | readonly [Form]

/** The known members of an object; it may have others. */
export interface Form {
  readonly members: ReadonlyMap<string, Member>
  readonly folded: ReadonlySet<string>
  /** Other keys that were seen and are no twins. */
  readonly others: Set<string>
}

const mostRemembered = 64
/** Choices, calls, blocks or items in one list. */
const mostItems = 4096

export function form(members: Readonly<Record<string, Member>>): Form {
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
export function readFrame({ data }: Frame, known: Form): JsonObject | undefined {
  const document = readJson(data, 'taken')
  if (!isObject(document)) return undefined
  checkForm(document, known)
  return document
}

/** Of an event that has a name: clients go by the name or by the type. @throws Refusal `upstream_failed` */
export function checkName({ event }: Frame, { type }: JsonObject): void {
  if (event !== undefined && event !== type) misshapen('an event whose name is not its type')
}

/** @throws Refusal `upstream_failed` @param detail without a word of the answer */
export function misshapen(detail: string): never {
  throw new Refusal('upstream_failed', { detail })
}

function checkForm(object: JsonObject, known: Form): void {
  for (const key in object) {
    const member = known.members.get(key)
    if (member === undefined) checkKey(key, known)
    else if (member !== 'any' && object[key] !== null) checkMember(object[key] as JsonValue, member)
  }
}

function checkKey(key: string, { folded, others }: Form): void {
  if (others.has(key)) return
  if (folded.has(foldKey(key))) misshapen('a key of the answer is a twin of a known one')
  if (others.size < mostRemembered) others.add(key)
}

function checkMember(value: JsonValue, member: Exclude<Member, 'any'>): void {
  if (member === 'string' || member === 'index') {
    const isSound = member === 'string' ? typeof value === 'string' : isIndex(value)
    if (!isSound) misshapen('a member of the answer is not of its kind')
  } else if ('members' in member) {
    if (!isObject(value)) misshapen('a member of the answer is no object')
    checkForm(value, member)
  } else {
    if (!Array.isArray(value)) misshapen('a member of the answer is no list')
    if (value.length > mostItems) misshapen('a list of the answer is too long')
    for (const item of value) checkMember(item, member[0])
  }
}

function isIndex(value: JsonValue): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0
}
