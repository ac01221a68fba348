/** A value against the schema: defaults filled in, every error found at once and told in an operator's words. */
import { Settings } from 'typebox/system'
import Value from 'typebox/value'
import { didYouMean, type Problem } from './problem.ts'
import { type Config, configSchema } from './schema/schema.ts'
import type { Path, Source } from './source.ts'

/** A JSON Schema as TypeBox builds it, as far as it is walked here. */
export interface SchemaNode {
  readonly type?: string
  readonly default?: unknown
  readonly description?: string
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly wanted?: string
  readonly minimum?: number
  readonly minItems?: number
  readonly properties?: Readonly<Record<string, SchemaNode>>
  readonly patternProperties?: Readonly<Record<string, SchemaNode>>
  readonly items?: SchemaNode
  readonly anyOf?: readonly SchemaNode[]
  readonly required?: readonly string[]
}

// The library stops after eight errors unless told otherwise.
Settings.Set({ maxErrors: 1000 })

export interface Validated {
  /** What the file says, without what is wrong in it; undefined if too little is left to look at. */
  readonly config: Config | undefined
  /** Every mistake that the schema knows. */
  readonly problems: readonly Problem[]
}

export function validate(source: Source): Validated {
  const value = withDefaults(configSchema as unknown as SchemaNode, source.value)
  const problems: Problem[] = []
  const wrong: Path[] = []
  for (const error of Value.Errors(configSchema, value)) {
    const path = pointerPath(error.instancePath)
    const node = resolve(error.schemaPath)
    if (error.schemaPath.includes('/anyOf/')) continue // said once, by the choice as a whole
    if (error.keyword === 'boolean') continue // said again, with the key's name, by additionalProperties
    if (error.keyword === 'additionalProperties') {
      for (const key of (error.params as { additionalProperties: string[] }).additionalProperties) {
        wrong.push([...path, key])
        problems.push(
          source.problem(
            [...path, key],
            `unknown key \`${key}\`${didYouMean(key, Object.keys(node?.properties ?? {}))}`,
            'key',
          ),
        )
      }
    } else if (error.keyword === 'required') {
      for (const key of (error.params as { requiredProperties: string[] }).requiredProperties)
        problems.push(source.problem(path, `\`${[...path, key].join('.')}\` is missing`, 'key'))
    } else {
      wrong.push(path)
      problems.push(source.problem(path, `${describe(path)} ${wanted(node, valueAt(value, path))}`))
    }
  }
  if (problems.length === 0) return { config: value as Config, problems }
  const rest = withDefaults(configSchema as unknown as SchemaNode, without(source.value, wrong))
  return { config: Value.Check(configSchema, rest) ? (rest as Config) : undefined, problems }
}

/** A copy without the values at these paths. Items of lists stay, so that the others keep their places. */
function without(value: unknown, paths: readonly Path[]): unknown {
  const copy = structuredClone(value)
  for (const path of paths) {
    const holder = valueAt(copy, path.slice(0, -1))
    const key = path.at(-1)
    if (typeof holder === 'object' && holder !== null && typeof key === 'string')
      Reflect.deleteProperty(holder, key)
  }
  return copy
}

/** A copy in which absent keys have their defaults, at every depth. Wrong types are left for the validation. */
function withDefaults(schema: SchemaNode, value: unknown): unknown {
  const given = value === undefined || value === null ? structuredClone(schema.default) : value
  if (Array.isArray(given)) {
    const { items } = schema
    return items ? given.map((item: unknown) => withDefaults(items, item)) : given
  }
  // A variable always expands to text; where a number or a truth value is wanted, it is read as one.
  if (typeof given === 'string' && takesNumber(schema) && /^\d{1,15}$/.test(given)) return Number(given)
  if (typeof given === 'string' && schema.type === 'boolean' && /^(true|false)$/.test(given))
    return given === 'true'
  if (typeof given !== 'object' || given === null) return given
  const filled: Record<string, unknown> = { ...given }
  for (const [key, member] of Object.entries(schema.properties ?? {})) {
    const inner = withDefaults(member, filled[key])
    if (inner !== undefined) filled[key] = inner
  }
  for (const member of Object.values(schema.patternProperties ?? {}))
    for (const key of Object.keys(filled)) filled[key] = withDefaults(member, filled[key])
  return filled
}

function takesNumber({ type, anyOf }: SchemaNode): boolean {
  return type === 'integer' || type === 'number' || (anyOf?.some(takesNumber) ?? false)
}

function pointerPath(pointer: string): Path {
  return pointer
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))
    .map((step) => (/^\d+$/.test(step) ? Number(step) : step))
}

function resolve(schemaPath: string): SchemaNode | undefined {
  let node: unknown = configSchema
  for (const step of pointerPath(schemaPath.replace(/^#/, '')))
    node =
      typeof node === 'object' && node !== null ? (node as Record<string, unknown>)[String(step)] : undefined
  return node as SchemaNode | undefined
}

function valueAt(value: unknown, path: Path): unknown {
  let at = value
  for (const step of path) at = (at as Record<string, unknown> | undefined)?.[String(step)]
  return at
}

function describe(path: Path): string {
  return path.length === 0 ? 'the policy' : `\`${path.join('.')}\``
}

function wanted(node: SchemaNode | undefined, value: unknown): string {
  if (node?.wanted) return `must be ${node.wanted}`
  if (node?.enum) {
    const near = typeof value === 'string' ? didYouMean(value, node.enum.map(String)) : ''
    return `must be one of ${node.enum.join(', ')}${near}`
  }
  if (node?.const !== undefined) return `must be ${JSON.stringify(node.const)}`
  if (node?.minItems) return 'must not be empty'
  if (node?.type === 'integer') return `must be a whole number of at least ${node.minimum ?? 0}`
  const kinds: Readonly<Record<string, string>> = {
    string: 'a text',
    boolean: 'true or false',
    array: 'a list',
    object: 'a mapping',
  }
  return `must be ${kinds[node?.type ?? ''] ?? 'something else'}${node?.type === 'string' && value === '' ? ' that is not empty' : ''}`
}
