/**
 * JSON Schemas of callers, and texts of models that are to fit them: neither is trusted. What cannot be checked wholly, or
 * not within a bound of work that is known beforehand, is not checked at all, and said to be so.
 */
import Schema from 'typebox/schema'
import { isCrowded, type JsonValue, tryJson } from '../core/json.ts'
import { type SafeSchema, safeSchema } from './schema.ts'

/** How a text stands to a schema. */
export type SchemaVerdict = 'fits' | 'no-json' | 'mismatch' | 'unchecked'

/** Checks one text. @param spend told the units of work before they are done */
export type CheckText = (text: string, spend: (units: number) => void) => SchemaVerdict

/** Values that a schema may have, as its caller wrote it. */
const maxSchemaValues = 16_384
/** Compiling one takes up to a millisecond. */
const maxPatterns = 32
/** UTF-16 code units of a text. */
const maxText = 1024 * 1024
/** Levels of a text; what compares values recurses. */
const maxLevels = 64
/** Levels of a schema with its references in place; what checks recurses. */
const maxSchemaLevels = 256
/** Values of a schema times values of a text, and what its patterns and lengths read. */
const maxWork = 1_000_000
/** Steps of a check that take as long as reading a code unit of plain text. */
const stepsInUnit = 8
/** Steps for each code unit of the text, by the keyword that reads it. */
const readers: Readonly<Record<string, number>> = {
  '~refine': 64,
  uniqueItems: 64,
  minLength: 8,
  maxLength: 8,
}

/** Compiles the schema of a caller. @param spend told the units of work before they are done */
export function compileUntrusted(asked: JsonValue, spend: (units: number) => void): CheckText {
  const compiled = compile(asked, spend)
  return (text, spendMore) => {
    if (text.length > maxText || isCrowded(text)) return 'unchecked'
    spendMore(text.length)
    const value = tryJson(text)
    if (value === undefined) return 'no-json'
    if (!compiled) return 'unchecked'
    const values = sizeOf(value)
    const work = compiled.values * (values ?? Number.POSITIVE_INFINITY) + compiled.reads * text.length
    if (work > maxWork) return 'unchecked'
    spendMore(Math.ceil(work / stepsInUnit))
    // A cast: `true` and `false` are schemas, too, and the checker takes them.
    return Schema.Check(compiled.schema as object, value) ? 'fits' : 'mismatch'
  }
}

interface Compiled {
  readonly schema: SafeSchema
  readonly values: number
  /** Steps for each code unit of a text. */
  readonly reads: number
}

/** Ends the compilation at the first thing that could not be checked. */
class NotSupported extends Error {}

function compile(asked: JsonValue, spend: (units: number) => void): Compiled | undefined {
  const values = sizeOf(asked)
  if (values === undefined || values > maxSchemaValues || countPatterns(asked) > maxPatterns) return undefined
  spend(values)
  try {
    const { schema } = safeSchema(asked, () => {
      throw new NotSupported()
    })
    const cost = costOf(schema)
    return cost && { schema, ...cost }
  } catch (thrown) {
    // A chain of references may be longer than the stack is deep.
    if (thrown instanceof NotSupported || thrown instanceof RangeError) return undefined
    throw thrown
  }
}

/** Counts values and members, without recursion. @returns undefined if it is nested too deeply */
function sizeOf(value: unknown): number | undefined {
  let level: unknown[] = [value]
  let values = 0
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > maxLevels) return undefined
    values += level.length
    level = level.flatMap(membersOf)
  }
  return values
}

function countPatterns(schema: unknown): number {
  let patterns = 0
  for (let level = [schema]; level.length > 0; level = level.flatMap(membersOf))
    for (const each of level)
      if (typeof each === 'object' && each !== null && Object.hasOwn(each, 'pattern')) patterns++
  return patterns
}

/** What checking a value by this schema takes at most: a reference may put the same part in place many times. */
function costOf(schema: unknown): Pick<Compiled, 'values' | 'reads'> | undefined {
  let values = 0
  let reads = 0
  let depth = 0
  for (let level = [schema]; level.length > 0; level = level.flatMap(membersOf)) {
    if (++depth > maxSchemaLevels) return undefined
    values += level.length
    for (const each of level)
      for (const [keyword, steps] of Object.entries(readers))
        if (typeof each === 'object' && each !== null && Object.hasOwn(each, keyword)) reads += steps
  }
  return { values, reads }
}

function membersOf(value: unknown): unknown[] {
  return typeof value === 'object' && value !== null ? Object.values(value) : []
}
