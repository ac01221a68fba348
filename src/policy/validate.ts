/**
 * A value against the schema, in one walk: defaults filled in, every error found at once and told in an operator's words.
 * What is wrong is replaced by something that would do, so that what only several keys show together is found as well.
 */
import type { Static, TSchema } from 'typebox'
import Value from 'typebox/value'
import { parseDuration, parseSize } from '../core/units.ts'
import { didYouMean, nearest, type Problem } from './problem.ts'
import type { SchemaNode } from './schema/node.ts'
import { type Config, configSchema } from './schema/schema.ts'
import type { Path, Source } from './source.ts'
import { codeOf, faultOf, wantedBy } from './wording.ts'

/** A file after validation. */
export interface Validated<T = Config> {
  /** What the file says, with stand-ins for what is wrong. */
  readonly config: T
  /** Wrong values and keys that are not known. */
  readonly problems: readonly Problem[]
  /** Keys that must be there and are not. */
  readonly missing: readonly Problem[]
  /** Whether a stand-in is at this place, or a key that is not known has what was meant for it. */
  isWrong(path: Path): boolean
}

const maxProblems = 200

interface Walk {
  readonly source: Source
  /** What the whole file should be. */
  readonly schema: SchemaNode
  readonly problems: Problem[]
  readonly missing: Problem[]
  readonly wrong: Path[]
}

/** Validates a policy file against the schema. Collects errors instead of throwing them. */
export function validate(source: Source): Validated {
  return validateBy(configSchema, source)
}

/** Validates any other file against its schema, in the same words. Collects errors instead of throwing them. */
export function validateBy<T extends TSchema>(schema: T, source: Source): Validated<Static<T>> {
  // Widened, as `policySchema` is.
  const tree: TSchema = schema
  const node: SchemaNode = tree
  const walk: Walk = { source, schema: node, problems: [], missing: [], wrong: [] }
  const config = read(node, source.value ?? (node.type === 'array' ? [] : {}), [], walk)
  if (!Value.Check(schema, config)) {
    const [error] = Value.Errors(schema, config)
    throw new TypeError(`the schema is read in two ways at ${error?.instancePath}: ${error?.message}`)
  }
  const isWrong = (path: Path) =>
    walk.wrong.some((at) => at.every((step, index) => String(step) === String(path[index])))
  return { config, problems: walk.problems, missing: walk.missing, isWrong }
}

/** @returns the value as it will be used */
function read(node: SchemaNode, given: unknown, path: Path, walk: Walk): unknown {
  const value = asMeant(node, given)
  const { properties, patternProperties, items, anyOf } = node
  if (anyOf) return anyOf.some((each) => fits(each, value)) ? value : standIn(node, value, path, walk)
  if (!fits(node, value)) return standIn(node, value, path, walk)
  if (Array.isArray(value)) {
    const list: readonly unknown[] = value
    return items ? list.map((item, index) => read(items, item, [...path, index], walk)) : list
  }
  if (!isMapping(value) || (!properties && !patternProperties)) return value
  return readMapping(node, value, path, walk)
}

function readMapping(node: SchemaNode, value: Record<string, unknown>, path: Path, walk: Walk): unknown {
  const { properties = {}, patternProperties = {}, required = [] } = node
  const [member] = Object.values(patternProperties)
  const entries: [string, unknown][] = []
  for (const [key, inner] of Object.entries(value)) {
    if (Object.hasOwn(properties, key)) continue
    if (member) entries.push([key, read(member, inner, [...path, key], walk)])
    else tellUnknown(key, properties, path, walk)
  }
  for (const [key, inner] of Object.entries(properties)) {
    const given = Object.hasOwn(value, key) ? value[key] : undefined
    const isAbsent = given === undefined || (given === null && inner.default !== undefined)
    if (!isAbsent) entries.push([key, read(inner, given, [...path, key], walk)])
    else if (inner.default !== undefined)
      entries.push([key, read(inner, structuredClone(inner.default), [...path, key], walk)])
    else if (required.includes(key)) {
      const at = [...path, key]
      walk.wrong.push(at)
      const message = `\`${at.join('.')}\` is missing: it must be ${wantedBy(inner)}`
      walk.missing.push(walk.source.problem(path, message, 'key'))
      entries.push([key, example(inner)])
    }
  }
  return Object.fromEntries(entries)
}

function tellUnknown(
  key: string,
  properties: Readonly<Record<string, SchemaNode>>,
  path: Path,
  walk: Walk,
): void {
  const { source, problems, wrong } = walk
  if (isEnough(walk, path)) return
  const known = Object.keys(properties)
  const near = nearest(key, known)
  // What the other key says is not known now, so nothing is said about it either.
  if (near !== undefined) wrong.push([...path, near])
  const elsewhere = near === undefined ? placeOf(key, walk.schema, '') : undefined
  const [stranger] = /[^\x20-\x7e]/u.exec(key) ?? []
  const hint =
    stranger === undefined
      ? elsewhere === undefined
        ? didYouMean(key, known)
        : `: it belongs in \`${elsewhere}\``
      : `${didYouMean(key, known)}: it contains ${codeOf(stranger)}, which is not an ASCII character even if it looks like one`
  wrong.push([...path, key])
  problems.push(source.problem([...path, key], `unknown key \`${key}\`${hint}`, 'key'))
}

/** Whether so many errors are told that no more are worth the work: each of them costs milliseconds. */
function isEnough({ source, problems }: Walk, path: Path): boolean {
  if (problems.length === maxProblems)
    problems.push(source.problem(path, `there are more errors than the first ${maxProblems}`))
  return problems.length > maxProblems
}

/** Where else in a policy there is such a key. */
function placeOf(
  key: string,
  { properties, patternProperties, items }: SchemaNode,
  at: string,
): string | undefined {
  const below = (step: string) => (at === '' ? step : `${at}.${step}`)
  if (at !== '' && properties && Object.hasOwn(properties, key)) return at
  for (const [name, member] of Object.entries(properties ?? {})) {
    const place = placeOf(key, member, below(name))
    if (place !== undefined) return place
  }
  const members = [...Object.values(patternProperties ?? {}), ...(items ? [items] : [])]
  for (const member of members) {
    const place = placeOf(key, member, items ? `${at}[]` : below('NAME'))
    if (place !== undefined) return place
  }
  return undefined
}

/** A variable always expands to text; where a number or a truth value is wanted, it is read as one. */
function asMeant(node: SchemaNode, value: unknown): unknown {
  if (typeof value !== 'string') return value
  if (takesNumber(node) && /^\d{1,15}$/.test(value)) return Number(value)
  return node.type === 'boolean' && /^(true|false)$/.test(value) ? value === 'true' : value
}

function takesNumber({ type, anyOf }: SchemaNode): boolean {
  return type === 'integer' || type === 'number' || (anyOf?.some(takesNumber) ?? false)
}

/** Whether a value is of the right kind and in range; what it holds is looked at by itself. */
function fits(node: SchemaNode, value: unknown): boolean {
  const { type, enum: words, minimum, maximum, minLength, maxLength, pattern, minItems } = node
  if (words) return words.includes(value)
  if (node.const !== undefined) return value === node.const
  if (type === 'array') return Array.isArray(value) && value.length >= (minItems ?? 0)
  if (type === 'object') return isMapping(value)
  if (type === 'boolean') return typeof value === 'boolean'
  if (type === 'integer' && !Number.isInteger(value)) return false
  if (type === 'integer' || type === 'number')
    return typeof value === 'number' && value >= (minimum ?? -Infinity) && value <= (maximum ?? Infinity)
  if (type !== 'string') return true
  if (typeof value !== 'string' || value.length < (minLength ?? 0)) return false
  if (value.length > (maxLength ?? Infinity)) return false
  return (pattern === undefined || new RegExp(pattern).test(value)) && isWithin(node, value)
}

/** Of durations and sizes, which are texts. */
function isWithin({ form, min, max }: SchemaNode, value: string): boolean {
  const parse = form === 'duration' ? parseDuration : form === 'size' ? parseSize : undefined
  const amount = parse?.(value)
  if (!parse || amount === undefined) return true
  return amount >= (parse(min ?? '') ?? 0) && amount <= (parse(max ?? '') ?? Infinity)
}

/** Tells what is wrong. @returns what would do */
function standIn(node: SchemaNode, value: unknown, path: Path, walk: Walk): unknown {
  const { source, problems, wrong } = walk
  if (isEnough(walk, path)) return example(node)
  wrong.push(path)
  const name = path.length === 0 ? 'the file' : `\`${path.join('.')}\``
  const isShown = node.form !== 'secret' && source.isLiteral(path)
  problems.push(source.problem(path, `${name} ${faultOf(node, value, isShown)}`))
  return example(node)
}

/** A value that the schema takes. */
function example(node: SchemaNode): unknown {
  const { type, anyOf, items } = node
  if (node.default !== undefined) return filled(node, structuredClone(node.default))
  if (node.example !== undefined) return node.example
  if (node.const !== undefined) return node.const
  if (node.enum) return node.enum[0]
  if (anyOf?.[0]) return example(anyOf[0])
  if (type === 'array') return node.minItems && items ? [example(items)] : []
  if (type === 'object') return filled(node, {})
  if (type === 'boolean') return false
  if (type === 'integer' || type === 'number') return node.minimum ?? 0
  return type === 'string' ? 'x' : {}
}

function filled(node: SchemaNode, value: unknown): unknown {
  if (!isMapping(value)) return value
  const members = Object.entries(node.properties ?? {}).filter(
    ([key, member]) => member.default !== undefined || node.required?.includes(key),
  )
  return { ...Object.fromEntries(members.map(([key, member]) => [key, example(member)])), ...value }
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
