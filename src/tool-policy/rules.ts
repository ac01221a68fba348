/**
 * Short rules for arguments, for those who would not write a JSON Schema: `path: "^/data/"`, `amount: { max: 100 }`.
 * Every argument that has a rule must be there (unless `optional`) and be of the rule's kind; others are free.
 *
 * A text whose pattern begins with `^/` is taken for a path: one that climbs (`..`, in any of its spellings) never
 * passes, or `^/data/` would let `/data/../etc` through.
 */
import { asSeen } from '../core/strip-invisible.ts'
import type { Path, SafeSchema, Tell } from './schema.ts'
import { isRecord, linearPattern } from './schema.ts'

/** What only stands in a JSON Schema: its author has forgotten to say that it is one. */
const telling = /^(?:\$.*|allOf|anyOf|oneOf|not|required|additionalProperties|patternProperties)$/

/** Whether what stands under a tool is a JSON Schema; anything else is short rules. */
export function isJsonSchema(value: unknown): boolean {
  return (
    isRecord(value) &&
    (value.type === 'object' || isRecord(value.properties) || typeof value.$schema === 'string')
  )
}

/**
 * Compiles rules about arguments.
 * @returns the rules as a schema that TypeBox checks; mistakes go to `tell`
 */
export function schemaOfRules(rules: Readonly<Record<string, unknown>>, tell: Tell): SafeSchema {
  for (const name of Object.keys(rules))
    if (telling.test(name)) tell([name], 'is a keyword of JSON Schema: add `type: object` beside it')
  const entries = Object.entries(rules)
  const required = entries.flatMap(([name, rule]) => (isRecord(rule) && rule.optional === true ? [] : [name]))
  const properties = Object.fromEntries(entries.map(([name, rule]) => [name, ruleOf(rule, [name], tell)]))
  return { type: 'object', properties, required }
}

function ruleOf(rule: unknown, path: Path, tell: Tell): SafeSchema {
  if (typeof rule === 'string') return { type: 'string', '~refine': [matching(rule, path, tell)] }
  if (typeof rule === 'number' || typeof rule === 'boolean') return { const: rule }
  if (Array.isArray(rule) && rule.length > 0) return { enum: rule }
  if (isRecord(rule)) return longRule(rule, path, tell)
  tell(path, 'must be a pattern, a value, a list of values, or a mapping such as { max: 100 }')
  return false
}

function longRule(rule: Record<string, unknown>, path: Path, tell: Tell): SafeSchema {
  const schema: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(rule)) {
    const at = [...path, key]
    if (key === 'optional' && typeof value === 'boolean') continue
    if ((key === 'min' || key === 'max') && typeof value === 'number') {
      schema.type = 'number'
      schema[key === 'min' ? 'minimum' : 'maximum'] = value
    } else if (key === 'maxLength' && Number.isSafeInteger(value) && Number(value) >= 0) {
      schema.type = 'string'
      schema.maxLength = value
    } else if (key === 'pattern' && typeof value === 'string') {
      schema.type = 'string'
      schema['~refine'] = [matching(value, at, tell)]
    } else if (key === 'in' && Array.isArray(value) && value.length > 0) schema.enum = value
    else tell(at, 'is not a rule: the rules are min, max, maxLength, pattern, in (a list) and optional')
  }
  if (Object.keys(schema).length === 0) tell(path, 'has no rules')
  if (Number(schema.minimum) > Number(schema.maximum))
    tell(path, 'has a `min` above its `max`, so nothing could pass')
  if ('minimum' in schema || 'maximum' in schema ? 'maxLength' in schema || '~refine' in schema : false)
    tell(path, 'applies to numbers and to strings, so nothing could pass')
  return schema
}

/** Also with what servers cut off a name (blanks, parameters), escaped however often, and in two bytes for one. */
const climbs = /(?:^|[/\\])\s*\.{1,2}\s*(?:;[^/\\]*)?(?:[/\\]|$)|\\|\0|%(?:25)*(?:2e|2f|5c|00|c[01])/i

function matching(pattern: string, path: Path, tell: Tell) {
  const matches = linearPattern(pattern)
  if (typeof matches === 'string') tell(path, matches)
  const isPath = /^\^\\?\//.test(pattern)
  const check = (value: unknown) =>
    typeof value === 'string' &&
    typeof matches === 'function' &&
    matches(value) &&
    !(isPath && (climbs.test(value) || climbs.test(asSeen(value))))
  return { check, error: () => 'pattern' }
}
