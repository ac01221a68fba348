/**
 * JSON Schemas of a policy, made safe to run on what a model was talked into: every keyword is known or a mistake,
 * references are put in place once (so what checks is a finite tree, and time is schema × arguments), and patterns
 * are RE2's, which cannot backtrack. Nothing is compiled to code.
 *
 * Not here: recursive schemas, `patternProperties`, `format`, `unevaluated…`; each is told as a mistake, because a
 * rule that silently did nothing would be worse.
 */
import { RE2JS } from 're2js'
import { foldKey } from '../core/fold.ts'

/** Where something stands below the schema. */
export type Path = readonly (string | number)[]
/** Says what is wrong at a place below the schema. */
export type Tell = (path: Path, message: string) => void

/** What the checker of TypeBox is given. */
export type SafeSchema = boolean | { readonly [keyword: string]: unknown }

interface Compilation {
  readonly root: unknown
  readonly tell: Tell
  /** Names of properties that rules are about, by how a folding reader sees them. */
  readonly names: Map<string, Set<string>>
  nodes: number
}

const maxNodes = 4096
const maxPatternLength = 1000
/** Steps a character may cost in the worst case. */
const maxProgram = 500
/** Characters; what is longer fits no pattern. */
const maxMatchedLength = 64 * 1024

const types = ['object', 'array', 'string', 'number', 'integer', 'boolean', 'null']
const said = new Set([
  'title',
  'description',
  'default',
  'examples',
  '$comment',
  '$schema',
  '$id',
  'deprecated',
])
const definitions = new Set(['$defs', 'definitions'])
const one = new Set([
  'items',
  'additionalProperties',
  'contains',
  'propertyNames',
  'not',
  'if',
  'then',
  'else',
])
const several = new Set(['allOf', 'anyOf', 'oneOf', 'prefixItems'])
const numbers = new Set(['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf'])
const counts = new Set([
  ...['minLength', 'maxLength', 'minItems', 'maxItems'],
  ...['minProperties', 'maxProperties', 'minContains', 'maxContains'],
])

const bounds = ['imum', 'Length', 'Items', 'Properties', 'Contains'].map(
  (what) => [`min${what}`, `max${what}`] as const,
)

/**
 * Checks that a JSON Schema cannot run away.
 * @returns the schema to check with, and the names it is about; mistakes go to `tell`
 */
export function safeSchema(root: unknown, tell: Tell) {
  const work: Compilation = { root, tell, names: new Map(), nodes: 0 }
  const schema = safe(root, [], [], work)
  return { schema, names: work.names as ReadonlyMap<string, ReadonlySet<string>> }
}

/** @param within references that are being put in place */
function safe(node: unknown, path: Path, within: readonly string[], work: Compilation): SafeSchema {
  if (typeof node === 'boolean') return node
  if (!hasRoom(1, work)) return false
  if (!isRecord(node)) return wrong(path, 'must be a JSON Schema', work)
  const fresh: Record<string, unknown> = {}
  let referred: SafeSchema | undefined
  for (const [keyword, value] of Object.entries(node)) {
    if (said.has(keyword) || definitions.has(keyword)) continue
    const at = [...path, keyword]
    if (keyword === '$ref') referred = refer(value, at, within, work)
    else if (keyword === 'pattern') fresh['~refine'] = [matcher(value, at, work)]
    else fresh[keyword] = member(keyword, value, at, within, work)
  }
  for (const [least, max] of bounds)
    if (Number(fresh[least]) > Number(fresh[max]))
      work.tell([...path, least], `is above \`${max}\`, so nothing could pass`)
  // What stands beside a reference holds, too.
  return referred === undefined ? fresh : { allOf: [fresh, referred] }
}

/** Counts parts. @returns whether there are not too many, which is told once */
function hasRoom(parts: number, work: Compilation): boolean {
  const had = work.nodes
  work.nodes += parts
  if (had <= maxNodes && work.nodes > maxNodes) work.tell([], `has more than ${maxNodes} parts`)
  return work.nodes <= maxNodes
}

function member(
  keyword: string,
  value: unknown,
  at: Path,
  within: readonly string[],
  work: Compilation,
): unknown {
  if (one.has(keyword)) return safe(value, at, within, work)
  if (several.has(keyword)) {
    if (!Array.isArray(value) || value.length === 0) return wrong(at, 'must be a list of schemas', work)
    return value.map((each: unknown, index) => safe(each, [...at, index], within, work))
  }
  if (keyword === 'properties') {
    if (!isRecord(value)) return wrong(at, 'must be a mapping of names to schemas', work)
    for (const name of Object.keys(value)) noteName(name, work.names)
    return Object.fromEntries(
      Object.entries(value).map(([name, each]) => [name, safe(each, [...at, name], within, work)]),
    )
  }
  if (keyword === 'required') {
    if (!isTexts(value)) return wrong(at, 'must be a list of names', work)
    // Of a definition that many references put in place, each name is read as often.
    if (!hasRoom(value.length, work)) return []
    for (const name of value) noteName(name, work.names)
    return value
  }
  const fault = plainFault(keyword, value)
  return fault === undefined ? value : wrong(at, fault, work)
}

function plainFault(keyword: string, value: unknown): string | undefined {
  if (keyword === 'type') {
    const named: unknown[] = Array.isArray(value) ? value : [value]
    return named.length > 0 &&
      named.length <= types.length &&
      named.every((type) => types.some((known) => known === type))
      ? undefined
      : `must be one of ${types.join(', ')}`
  }
  if (keyword === 'enum') return Array.isArray(value) ? undefined : 'must be a list'
  if (keyword === 'const') return undefined
  if (keyword === 'uniqueItems') return typeof value === 'boolean' ? undefined : 'must be true or false'
  if (numbers.has(keyword)) return typeof value === 'number' ? undefined : 'must be a number'
  if (counts.has(keyword))
    return Number.isSafeInteger(value) && Number(value) >= 0 ? undefined : 'must be an integer of at least 0'
  return 'is not a supported keyword'
}

/** Only within the schema, and never back to where it is being put: what may recurse may run for ever. */
function refer(value: unknown, at: Path, within: readonly string[], work: Compilation): SafeSchema {
  const match = typeof value === 'string' ? /^#\/(\$defs|definitions)\/([^/~%]+)$/.exec(value) : null
  const [, folder = '', name = ''] = match ?? []
  const held = isRecord(work.root) ? work.root[folder] : undefined
  if (!isRecord(held) || !Object.hasOwn(held, name)) return wrong(at, 'must name one of `$defs`', work)
  const target = `${folder}/${name}`
  if (within.includes(target)) return wrong(at, 'refers to itself: recursive schemas are not supported', work)
  return safe(held[name], [folder, name], [...within, target], work)
}

function matcher(value: unknown, at: Path, work: Compilation) {
  const matches = typeof value === 'string' ? linearPattern(value) : 'must be a string'
  if (typeof matches === 'string') work.tell(at, matches)
  const check = (given: unknown) =>
    typeof given !== 'string' || (typeof matches === 'function' && matches(given))
  return { check, error: () => 'pattern' }
}

/**
 * Compiles a pattern in RE2's syntax, found anywhere in a text unless it is anchored.
 * @returns what matches in linear time, or what is wrong with it
 */
export function linearPattern(pattern: string): ((text: string) => boolean) | string {
  if (pattern.length > maxPatternLength) return `is longer than ${maxPatternLength} characters`
  try {
    const compiled = RE2JS.compile(pattern)
    if (compiled.programSize() > maxProgram) return 'is too large, because it repeats too much'
    return (text) => text.length <= maxMatchedLength && compiled.test(text)
  } catch {
    return 'is not a valid RE2 pattern (RE2 has no look-ahead and no back-references)'
  }
}

/** Notes a name under what it folds to, so that a name in disguise is known. */
export function noteName(name: string, names: Map<string, Set<string>>): void {
  const folded = foldKey(name)
  names.set(folded, (names.get(folded) ?? new Set()).add(name))
}

function wrong(path: Path, message: string, { tell }: Compilation): false {
  tell(path, message)
  return false
}

/** Whether a value is an object and no array. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((each) => typeof each === 'string')
}
