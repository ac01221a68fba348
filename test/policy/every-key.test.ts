/** Every key of the policy with values of every wrong kind: each is told with its place, its true cause and its cure. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { parseDuration, parseSize } from '../../src/core/units.ts'
import { loadPolicy } from '../../src/policy/load.ts'
import { PolicyError } from '../../src/policy/problem.ts'
import type { SchemaNode } from '../../src/policy/schema/node.ts'
import { policySchema } from '../../src/policy/schema/schema.ts'

const folder = mkdtempSync(join(tmpdir(), 'torwart-keys-'))
afterAll(() => rmSync(folder, { recursive: true }))
const file = join(folder, 'torwart.yaml')

type Path = readonly (string | number)[]

/** Every place of the schema where a value stands, named things as `x`, items of lists as the first. */
function placesOf(node: SchemaNode, path: Path): { path: Path; node: SchemaNode }[] {
  const below = [
    ...Object.entries(node.properties ?? {}).map(([key, member]) => [key, member] as const),
    ...Object.values(node.patternProperties ?? {}).map((member) => ['x', member] as const),
    ...(node.items ? [[0, node.items] as const] : []),
  ]
  return below.flatMap(([step, member]) => {
    const at = [...path, step]
    return [{ path: at, node: member }, ...placesOf(member, at)]
  })
}

/** What must be there beside the value for the place to be looked at; mistakes elsewhere do not matter here. */
function policyWith(path: Path, value: unknown): string {
  const [top = ''] = path
  const wrap = (steps: Path): unknown => {
    const [step, ...rest] = steps
    if (step === undefined) return value
    return typeof step === 'number' ? [wrap(rest)] : { [step]: wrap(rest) }
  }
  const upstreams = [{ name: 'local', url: 'http://127.0.0.1:11434', kind: 'ollama' }]
  return stringify({ version: 1, ...(top === 'upstreams' ? {} : { upstreams }), ...(wrap(path) as object) })
}

function problemsAt(path: Path, value: unknown) {
  const text = policyWith(path, value)
  writeFileSync(file, text)
  try {
    loadPolicy(file, {})
    return { text, problems: [] }
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error
    return { text, problems: error.problems }
  }
}

const isNumber = ({ type, anyOf }: SchemaNode): boolean =>
  type === 'integer' || type === 'number' || (anyOf?.some(isNumber) ?? false)
const numberOf = (node: SchemaNode): SchemaNode => node.anyOf?.find(isNumber) ?? node

/** Wrong values for a place, and what must be said of each. */
function wrongFor(node: SchemaNode): [value: unknown, cause: RegExp][] {
  const { type, form, enum: words, min, max } = node
  if (
    Object.keys(node).length === 0 ||
    (type === undefined && !words && !node.anyOf && node.const === undefined)
  )
    return []
  const kinds: [unknown, RegExp][] = []
  if (node.const !== undefined)
    return [
      [9, /must be 1/],
      ['one', /must be 1/],
    ]
  if (isNumber(node)) {
    const { minimum, maximum = 1e12, type: kind } = numberOf(node)
    const wanted = kind === 'integer' ? /must be an integer/ : /must be a number/
    kinds.push([(minimum ?? 0) - 1, /at least|from/], [maximum * 10, /at most/], ['many', wanted])
    kinds.push([[1], wanted], [true, wanted])
    if (kind === 'integer') kinds.push([1.5, /an integer/])
    const takesUnits = node.anyOf?.some(({ pattern }) => pattern !== undefined) ?? false
    if (kind === 'integer' && !takesUnits) kinds.push(['32k', /write 32000 or 32768$/])
    if (kind === 'integer') kinds.push(['1_000', /write 1000$/], ['１０', /U\+FF11.*ASCII/])
    return kinds
  }
  if (words) {
    const [first = ''] = words.map(String)
    kinds.push([`${first}x`, /did you mean/], ['nonsense-9', /must be one of/], [7, /must be one of/])
    kinds.push([`${first.slice(0, -1)}е`, /did you mean|U\+0435/], [{ a: 1 }, /must be one of/])
    return kinds
  }
  if (node.const !== undefined)
    return [
      [9, /must be 1/],
      ['one', /must be 1/],
    ]
  if (type === 'boolean')
    return [
      ['yes', /write true$/],
      ['off', /write false$/],
      [1, /write true$/],
      ['maybe', /true or false/],
      [[], /true or/],
    ]
  if (type === 'array') {
    kinds.push(['a', /must be a list: write \[a\]$/], ['*', /write \["\*"\]$/], [5, /write \[5\]$/])
    kinds.push([{ a: 1 }, /must be a list, not a mapping: begin each item/])
    return node.minItems ? [...kinds, [[], /must be a list/]] : kinds
  }
  if (type === 'object')
    return [
      ['a:1', /must be a mapping.*add a space/],
      [7, /must be a mapping/],
      [[1], /not a list: write names as keys/],
    ]
  if (form === 'duration') {
    kinds.push(['1y', /must be a duration.*: write 365d$/], ['90 sec', /write 90s$/], ['1h30m', /write 90m$/])
    kinds.push(
      [5, /add a unit, such as 5s$/],
      ['soon', /must be a duration such as/],
      [['1s'], /must be a duration/],
    )
    if (min !== undefined) kinds.push([`${(parseDuration(min) ?? 1) - 1}ms`, /must be at least/])
    if (max !== undefined) kinds.push(['99999d', /must be at most/])
    return kinds
  }
  if (form === 'size') {
    kinds.push(
      ['1MB', /must be a size.*: write 1MiB$/],
      ['64k', /write 64KiB$/],
      [2048, /write 2KiB$/],
      ['big', /must be/],
    )
    if (min !== undefined) kinds.push([`${(parseSize(min) ?? 1) - 1}B`, /must be at least/])
    if (max !== undefined) kinds.push(['99999GiB', /must be at most/])
    return kinds
  }
  if (form === 'address')
    return [
      [8080, /HOST:PORT.*write 127\.0\.0\.1:8080$/],
      [':8080', /write 0\.0\.0\.0:8080 for all networks/],
      ['http://127.0.0.1:8080/', /write 127\.0\.0\.1:8080$/],
      ['localhost', /must be HOST:PORT/],
      ['127.0.0.1:99999', /port above 65535/],
    ]
  kinds.push([{ a: 1 }, /must be/], [['a'], /must be/])
  if (node.default !== '') kinds.push(['', /must be/])
  return node.pattern === undefined ? [...kinds, [7, /must be|is no/]] : kinds
}

const places = placesOf(policySchema, [])
const cases = places.map(({ path, node }) => ({ path, key: path.join('.'), wrong: wrongFor(node) }))

describe('every key with every kind of wrong value', () => {
  it('is looked at', () => {
    expect(places.length).toBeGreaterThan(150)
    expect(cases.flatMap(({ wrong }) => wrong).length).toBeGreaterThan(900)
  })

  it.each(cases.filter(({ wrong }) => wrong.length > 0))('$key', ({ path, key, wrong }) => {
    for (const [value, cause] of wrong) {
      const { text, problems } = problemsAt(path, value)
      const about = problems.filter(({ message }) => message.startsWith(`\`${key}\` `))
      expect(about.map(({ message }) => message).join('\n'), JSON.stringify(value)).toMatch(cause)
      expect(problems.map(({ message }) => message).join('\n')).not.toMatch(
        /something else|undefined|\[object/,
      )
      // The place is the value’s.
      const [{ line = 0, column = 0 } = {}] = about
      const rest = (text.split('\n')[line - 1] ?? '').slice(column - 1)
      if (typeof value !== 'object') expect(rest).toBe(stringify(value).trimEnd())
      else expect(rest).toMatch(/^\S/)
    }
  })
})
