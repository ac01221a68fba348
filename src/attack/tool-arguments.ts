/** Arguments that the rules of a tool allow, made of the rules as the policy writes them. */
import { matchesGlob } from '../core/glob.ts'
import type { JsonObject, JsonValue } from '../core/json.ts'

/**
 * Makes arguments that fit the rules for a tool, as far as that can be seen from them: a pattern is taken as the text that
 * it begins with.
 * @param rules `tools.arguments` of a role
 */
export function fittingArguments(rules: unknown, tool: string): JsonObject {
  const matching = entriesOf(rules).filter(([pattern]) => matchesGlob(pattern, tool))
  return Object.assign({}, ...matching.map(([, rule]) => argumentsFor(rule)))
}

function argumentsFor(rule: unknown): JsonObject {
  const { type, properties } = Object.fromEntries(entriesOf(rule))
  const members = type === 'object' ? entriesOf(properties) : entriesOf(rule)
  return Object.fromEntries(
    members.flatMap(([name, each]) => {
      const value = valueFor(each)
      return value === undefined ? [] : [[name, value]]
    }),
  )
}

function valueFor(rule: unknown): JsonValue | undefined {
  if (typeof rule === 'string') return rule.replaceAll(/^\^|\$$/g, '')
  if (typeof rule === 'number' || typeof rule === 'boolean') return rule
  if (Array.isArray(rule)) return valueFor(rule[0])
  const {
    optional,
    min,
    max,
    minimum,
    maximum,
    pattern,
    enum: words,
    const: only,
    in: list,
  } = Object.fromEntries(entriesOf(rule))
  if (optional === true) return undefined
  return valueFor(
    [only, words, list, min, minimum, max, maximum, pattern].find((each) => each !== undefined) ?? 'attack',
  )
}

function entriesOf(value: unknown): readonly [string, unknown][] {
  return typeof value === 'object' && value !== null ? Object.entries(value) : []
}
