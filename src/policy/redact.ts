/**
 * The text of a policy file for who may read it and not its secrets. Decided by the schema: values of keys declared with
 * `secret()` (`schema/types.ts`) and of keys that it does not know, users and passwords in URLs, and whatever else looks like
 * a secret in comments.
 */
import { isAlias, isMap, isScalar, isSeq, type Node, parseDocument, type Scalar } from 'yaml'
import { createMasker, findSensitive } from '../detect/sensitive/mask.ts'
import type { SchemaNode } from './schema/node.ts'
import { policySchema } from './schema/schema.ts'

/** Stands for a secret. */
export const redacted = '<secret>'

/** Names a secret without being one: `${VAR}` or `${file:PATH}`, without a default. */
const reference = /^\$\{(file:)?[^}:]+\}$/
/** RFC 3986, 3.2.1: what stands before `@`. */
const userInfo = /(:\/\/)[^\s/@'"<>]+@/g
/** A shorter one may stand anywhere by chance. */
const minRepeated = 6

interface Range {
  readonly start: number
  readonly end: number
}

interface Found {
  readonly ranges: Range[]
  readonly values: Set<string>
}

/** Lists the keys whose values are secrets, with `*` for names of the operator's choice and `[]` for lists. */
export function secretKeys(node: SchemaNode = policySchema, path = ''): string[] {
  if (node.form === 'secret') return [path]
  const inner = (key: string) => (path === '' ? key : `${path}.${key}`)
  return [
    ...Object.entries(node.properties ?? {}).flatMap(([key, each]) => secretKeys(each, inner(key))),
    ...Object.values(node.patternProperties ?? {}).flatMap((each) => secretKeys(each, inner('*'))),
    ...(node.items ? secretKeys(node.items, `${path}[]`) : []),
    ...(node.anyOf ?? []).flatMap((each) => secretKeys(each, path)),
  ]
}

/** Returns the text of a policy file without its secrets. Lines stay where they are, except for values of several lines. */
export function redactPolicy(text: string): string {
  const document = parseDocument(text, { uniqueKeys: false, logLevel: 'silent' })
  // What is no YAML has no keys by which a secret could be known.
  if (document.errors.length > 0) return withoutValues(text)
  const found: Found = { ranges: [], values: new Set() }
  if (document.contents) collect(document.contents, policySchema, found, (alias) => alias.resolve(document))
  let result = ''
  let from = 0
  for (const { start, end } of found.ranges.toSorted((a, b) => a.start - b.start)) {
    if (start < from) continue
    result += text.slice(from, start) + redacted
    from = end
  }
  result += text.slice(from)
  for (const value of found.values)
    if (value.length >= minRepeated) result = result.replaceAll(value, redacted)
  return withoutCommented(result).replace(userInfo, `$1${redacted}@`)
}

type Resolve = (alias: Extract<Node, { source: string }> & { resolve(doc: unknown): unknown }) => unknown

/** @param schema undefined: what stands here is not known, and may be a secret whose key was mistyped */
function collect(node: unknown, schema: SchemaNode | undefined, found: Found, resolve: Resolve): void {
  if (isAlias(node)) collect(resolve(node as Parameters<Resolve>[0]), schema, found, resolve)
  else if (isMap(node))
    for (const { key, value } of node.items) {
      const name = isScalar(key) ? String(key.value) : ''
      const [any] = Object.values(schema?.patternProperties ?? {})
      collect(value, schema && (isOpen(schema) ? schema : (schema.properties?.[name] ?? any)), found, resolve)
    }
  else if (isSeq(node))
    for (const item of node.items)
      collect(item, schema && (schema.items ?? (isOpen(schema) ? schema : undefined)), found, resolve)
  else if (isScalar(node) && (schema === undefined || schema.form === 'secret')) hide(node, found)
}

/** Takes whatever is given, such as the JSON Schema of a tool's arguments. */
function isOpen({ type, properties, patternProperties, items, anyOf, enum: words }: SchemaNode): boolean {
  return [type, properties, patternProperties, items, anyOf, words].every((each) => each === undefined)
}

function hide({ value, range }: Scalar, { ranges, values }: Found): void {
  const text = String(value ?? '')
  if (text === '' || reference.test(text) || !range) return
  const [start, end] = range
  ranges.push({ start, end })
  values.add(text)
}

/** Masks in comments what a value would be masked for. */
function withoutCommented(text: string): string {
  const { mask } = createMasker(findSensitive)
  return text
    .split('\n')
    .map((line) => {
      const at = line.search(/(^|\s)#/)
      return at === -1 ? line : line.slice(0, at) + mask(line.slice(at))
    })
    .join('\n')
}

/** Keeps of each line what comes before a value. */
function withoutValues(text: string): string {
  return text
    .split('\n')
    .map((line) => /^[\s-]*[\w.-]*:?/.exec(line)?.[0] ?? '')
    .join('\n')
}
