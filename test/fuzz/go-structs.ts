/**
 * How Go decodes parsed JSON into structs, and what of it a model server may hand to its model: a field is found
 * by its exact name, else by folding; the last one wins; null keeps the old value; lists decode in place.
 *
 * Stricter than Go in what it reports: a string in a place where none belongs counts as text, and what a longer
 * first list held stays. What the servers do with a string after decoding it is not modelled.
 */
import { type Node, parseGo } from './go-json.ts'

/** Everything one server reads in one body. */
export class Found {
  /** By path, so that a later value replaces an earlier one. */
  readonly texts = new Map<string, readonly string[]>()
  /** Where the gate may have written JSON around what it was given: one of these must have been seen, whole. */
  readonly written = new Map<string, readonly (readonly string[])[]>()
  readonly numbers = new Map<string, number>()
  readonly faults: string[] = []
  readonly allowed: ReadonlySet<string>
  model: string | undefined

  constructor(allowed: ReadonlySet<string>) {
    this.allowed = allowed
  }
}

/** Reads a value into a field of a certain type. */
export type Field = (node: Node, at: string, found: Found) => void

/** Every key and every string in a value. */
export function stringsOf(node: Node, into: string[] = []): string[] {
  if (node.kind === 'string') into.push(node.value)
  else if (node.kind === 'list') for (const item of node.items) stringsOf(item, into)
  else if (node.kind === 'object')
    for (const { key, value } of node.members) {
      into.push(key)
      stringsOf(value, into)
    }
  return into
}

/** A value of the wrong type: the server would refuse it, unless it is looser than we know. */
function stray(node: Node, at: string, found: Found): void {
  const strings = stringsOf(node)
  if (strings.length > 0) found.texts.set(at, strings)
}

export const text: Field = (node, at, found) => {
  if (node.kind === 'string') found.texts.set(at, [node.value])
  else stray(node, at, found)
}

/** A text as it came, or JSON that the gate made of what came. @param own the gate's words in it */
export function textOrJson(own: readonly string[]): Field {
  return (node, at, found) => {
    if (node.kind !== 'string') return stray(node, at, found)
    found.written.set(at, [[node.value], jsonStrings(node.value).filter((string) => !own.includes(string))])
  }
}

function jsonStrings(text: string): string[] {
  try {
    return stringsOf(parseGo(text).root)
  } catch {
    return [text]
  }
}

/** Any JSON, of which the gate may have written these words. */
export function besides(own: readonly string[]): Field {
  return (node, at, found) => {
    const strings = stringsOf(node).filter((string) => !own.includes(string))
    if (strings.length > 0) found.texts.set(at, strings)
  }
}

/** Any JSON; all of it reaches the model. */
export const anything: Field = stray

export const bool: Field = (node, at, found) => {
  if (node.kind !== 'bool') stray(node, at, found)
}

export const float: Field = (node, at, found) => {
  if (node.kind === 'number') found.numbers.set(at, Number(node.spelled))
  else stray(node, at, found)
}

/** Go refuses `1.0` and `1e3` here. */
export const int: Field = (node, at, found) => {
  if (node.kind === 'number' && !/^-?[0-9]+$/.test(node.spelled))
    found.faults.push(`${at} is spelled so that Go does not take it for a whole number`)
  float(node, at, found)
}

/** One of the server's words, not prose: too short to say much. */
export function word(words: RegExp | readonly string[] = /^[\w.-]{1,16}$/): Field {
  const knows = (value: string) => (words instanceof RegExp ? words.test(value) : words.includes(value))
  return (node, at, found) => {
    if (node.kind !== 'string' || (words instanceof RegExp && longerWord.test(node.value)))
      stray(node, at, found)
    else if (!knows(node.value)) found.faults.push(`${at} is none of the server's words`)
  }
}

/** May be one of theirs, and may be prose with other signs between its words. */
const longerWord = /^[\w.-]{17,32}$/

const base64 = /^[A-Za-z0-9+/]+={0,2}$/

export const image: Field = word(base64)
/** A picture in a `data:` URL, or a URL that the server fetches. */
export const picture: Field = (node, at, found) => {
  if (node.kind !== 'string') return stray(node, at, found)
  const encoded = /^data:image\/[a-z0-9.+-]{1,32};base64,(.*)$/s.exec(node.value)?.[1]
  const inPlace = encoded !== undefined && base64.test(encoded)
  const remote = found.allowed.has('mediaUrls') && /^https?:\/\/[\x21-\x7e]+$/.test(node.value)
  if (!inPlace && !remote) found.faults.push(`${at} is a URL that was not allowed`)
}

export const model: Field = (node, at, found) => {
  if (node.kind === 'string') found.model = node.value
  else stray(node, at, found)
}

/** A further model that policy has compared: the property calls it so. */
export const otherModel: Field = word(['other-model'])

/** An object with any keys, each of which reaches the server. */
export function dictionary(values: Field): Field {
  return (node, at, found) => {
    if (node.kind !== 'object') return stray(node, at, found)
    found.texts.set(
      at,
      node.members.map(({ key }) => key),
    )
    for (const [index, { value }] of node.members.entries()) values(value, `${at}{${index}}`, found)
  }
}

/** Forwarded only for a role that may. */
export function only(feature: string, field: Field): Field {
  return (node, at, found) => {
    if (!found.allowed.has(feature)) found.faults.push(`${at} was not allowed`)
    field(node, at, found)
  }
}

export function list(item: Field): Field {
  return (node, at, found) => {
    if (node.kind !== 'list') return stray(node, at, found)
    for (const [index, member] of node.items.entries())
      if (member.kind !== 'null') item(member, `${at}[${index}]`, found)
  }
}

/** A field whose type goes by what stands there. */
export function either(kinds: Readonly<Partial<Record<Node['kind'], Field>>>): Field {
  return (node, at, found) => (kinds[node.kind] ?? stray)(node, at, found)
}

export const oneOrMany = (one: Field): Field => either({ string: one, list: list(one) })

/** ASCII folds among itself; the long s and the Kelvin sign fold into it. */
export function fold(key: string): string {
  return key.replace(/[A-Z\u017f\u212a]/g, (letter) =>
    letter === '\u017f' ? 's' : letter === '\u212a' ? 'k' : letter.toLowerCase(),
  )
}

export function struct(fields: Readonly<Record<string, Field>>): Field {
  const exact = new Map(Object.entries(fields))
  const folded = new Map([...exact].map(([key, field]) => [fold(key), [key, field] as const]))
  return (node, at, found) => {
    if (node.kind !== 'object') return stray(node, at, found)
    for (const { key, value } of node.members) {
      const under = at === '' ? '' : `${at}.`
      const field = exact.get(key)
      if (field) {
        if (value.kind !== 'null') field(value, under + key, found)
        continue
      }
      const twin = folded.get(fold(key))
      found.faults.push(
        twin ? `a key folds to ${under}${twin[0]}` : `an unknown field under ${at || 'the top'}`,
      )
      if (twin && value.kind !== 'null') twin[1](value, under + twin[0], found)
    }
  }
}

/** What an object says it is. */
export function typeOf(node: Node): string | undefined {
  if (node.kind !== 'object') return undefined
  const value = node.members.findLast(({ key }) => key === 'type')?.value
  return value?.kind === 'string' ? value.value : undefined
}
