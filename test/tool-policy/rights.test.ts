/** What a role's `tools` say of a call: 200 cases, what cannot be compiled, and time. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { JsonValue } from '../../src/core/json.ts'
import { canonical, readArguments } from '../../src/tool-policy/arguments.ts'
import { compileTools, type ToolsConfig } from '../../src/tool-policy/rights.ts'
import { cases, tools } from './cases.ts'

const nothing: ToolsConfig = { allow: ['*'], approve: [], otherwise: 'refuse', arguments: {} }

function mistakes(args: Record<string, unknown>): string[] {
  const told: string[] = []
  compileTools({ ...nothing, arguments: args }, (path, message) => told.push(`${path.join('.')} ${message}`))
  return told
}

function fits(rules: unknown, args: unknown): boolean {
  const rights = compileTools({ ...nothing, arguments: { t: rules } }, (path, message) => {
    throw new Error(`${path.join('.')} ${message}`)
  })
  return rights.judge('t', JSON.stringify(args)).kind === 'allowed'
}

describe('the judgement of a call', () => {
  const rights = compileTools(tools, (path, message) => {
    throw new Error(`${path.join('.')} ${message}`)
  })

  it('is known for 200 cases', () => {
    expect(cases.length).toBeGreaterThanOrEqual(200)
    expect(new Set(cases.map(([name, args]) => `${name} ${args}`)).size).toBe(cases.length)
  })

  it.each(cases)('of %j with %.60j is %s', (name, args, said) => {
    const judgement = rights.judge(name, args)
    expect(judgement.kind === 'outside' ? judgement.because : judgement.kind).toBe(said)
    expect(rights.mayCall(name)).toBe(said !== 'name')
  })
})

describe('a role', () => {
  it('that names no tool may call none, with * any', () => {
    const none = compileTools({ ...nothing, allow: [] }, () => {})
    expect(none.mayCall('anything')).toBe(false)
    const all = compileTools(nothing, () => {})
    expect(all.judge('anything', 'not JSON')).toEqual({ kind: 'allowed' })
  })

  it('whose rules overlap is held to all of them, in any order', () => {
    const rules = { '*': { a: { max: 5 } }, 'pay_*': { a: { min: 3 } }, pay_now: { b: true } }
    for (const order of [Object.entries(rules), Object.entries(rules).toReversed()]) {
      const rights = compileTools({ ...nothing, arguments: Object.fromEntries(order) }, () => {})
      const said = (name: string, args: object) => rights.judge(name, JSON.stringify(args)).kind
      expect(said('other', { a: 1 })).toBe('allowed')
      expect(said('pay_later', { a: 1 })).toBe('outside')
      expect(said('pay_later', { a: 4 })).toBe('allowed')
      expect(said('pay_now', { a: 4 })).toBe('outside')
      expect(said('pay_now', { a: 4, b: true })).toBe('allowed')
    }
  })
})

describe('rules that cannot be', () => {
  it.each([
    [{ t: 'a text' }, 'arguments.t must be a JSON Schema, or a mapping of arguments to rules'],
    [{ t: { p: '(?=x)' } }, 'arguments.t.p is not a valid RE2 pattern'],
    [{ t: { p: '(a)\\1' } }, 'arguments.t.p is not a valid RE2 pattern'],
    [{ t: { p: '(' } }, 'arguments.t.p is not a valid RE2 pattern'],
    [{ t: { p: 'x{900}' } }, 'arguments.t.p is too large'],
    [{ t: { p: 'x'.repeat(1001) } }, 'arguments.t.p is longer than 1000'],
    [{ t: { p: { maximum: 5 } } }, 'arguments.t.p.maximum is not a rule'],
    [{ t: { p: { max: '5' } } }, 'arguments.t.p.max is not a rule'],
    [{ t: { p: { optional: true } } }, 'arguments.t.p has no rules'],
    [{ t: { p: { max: 5, pattern: 'x' } } }, 'arguments.t.p applies to numbers and to strings'],
    [{ t: { p: null } }, 'arguments.t.p must be a pattern'],
    [{ t: { p: [] } }, 'arguments.t.p must be a pattern'],
    [{ t: { required: ['a'], a: 'x' } }, 'arguments.t.required is a keyword of JSON Schema'],
    [{ t: { $ref: '#/$defs/a' } }, 'arguments.t.$ref is a keyword of JSON Schema'],
    [{ t: { type: 'object', maxmum: 5 } }, 'arguments.t.maxmum is not a supported keyword'],
    [
      { t: { type: 'object', properties: { p: { type: 'text' } } } },
      'arguments.t.properties.p.type must be one of',
    ],
    [
      { t: { type: 'object', properties: { p: { pattern: '(?!x)' } } } },
      'arguments.t.properties.p.pattern is not a valid RE2 pattern',
    ],
    [
      { t: { type: 'object', properties: { p: { format: 'email' } } } },
      'arguments.t.properties.p.format is not a supported keyword',
    ],
    [
      { t: { type: 'object', patternProperties: { a: true } } },
      'arguments.t.patternProperties is not a supported keyword',
    ],
    [
      { t: { type: 'object', properties: { p: { $ref: '#/$defs/no' } } } },
      'arguments.t.properties.p.$ref must name',
    ],
    [
      { t: { type: 'object', properties: { p: { $ref: 'http://x/y' } } } },
      'arguments.t.properties.p.$ref must name',
    ],
    [{ t: { type: 'object', anyOf: [] } }, 'arguments.t.anyOf must be a list'],
    [{ t: { type: 'object', minProperties: -1 } }, 'arguments.t.minProperties must be an integer'],
    [{ t: { type: 'object', required: 'a' } }, 'arguments.t.required must be a list of names'],
  ])('%j', (args, message) => {
    expect(mistakes(args).join('\n')).toContain(message)
  })

  it('schemas that recurse, or grow without end when references are put in place', () => {
    const list = {
      type: 'object',
      $defs: { a: { properties: { next: { $ref: '#/$defs/a' } } } },
      $ref: '#/$defs/a',
    }
    expect(mistakes({ t: list }).join()).toContain('recursive schemas are not supported')
    const twice = (index: number) => ({
      allOf: [{ $ref: `#/$defs/d${index}` }, { $ref: `#/$defs/d${index}` }],
    })
    const $defs = Object.fromEntries(
      Array.from({ length: 40 }, (_, index) => [`d${index}`, index === 39 ? true : twice(index + 1)]),
    )
    const startedAt = performance.now()
    expect(mistakes({ t: { type: 'object', $defs, properties: { p: twice(0) } } })).toContain(
      'arguments.t has more than 4096 parts',
    )
    expect(performance.now() - startedAt).toBeLessThan(5000)
  })

  it('and whatever is wrong lets nothing through', () => {
    const rights = compileTools({ ...nothing, arguments: { t: { p: '(?=x)' } } }, () => {})
    expect(rights.judge('t', '{"p":"x"}').kind).toBe('outside')
  })
})

describe('a JSON Schema', () => {
  it('is checked as it says', () => {
    const schema = {
      type: 'object',
      title: 'ignored',
      properties: {
        a: { anyOf: [{ type: 'integer', multipleOf: 5 }, { type: 'null' }] },
        b: { type: 'array', contains: { const: 1 }, uniqueItems: true, prefixItems: [{ type: 'integer' }] },
        c: { not: { enum: ['x'] }, type: 'string', minLength: 1 },
      },
      propertyNames: { pattern: '^[a-z]$' },
      if: { properties: { d: { const: 1 } }, required: ['d'] },
      // biome-ignore lint/suspicious/noThenProperty: it is JSON Schema's word
      then: { required: ['c'] },
    }
    const good = [{}, { a: 10 }, { a: null, b: [1, 2] }, { c: 'y', d: 1 }, { d: 2 }]
    const bad = [
      { a: 7 },
      { b: [2, 3] },
      { b: [1, 1] },
      { b: ['1', 1] },
      { c: 'x' },
      { c: '' },
      { d: 1 },
      { aa: 1 },
    ]
    for (const args of good) expect(fits(schema, args), JSON.stringify(args)).toBe(true)
    for (const args of bad) expect(fits(schema, args), JSON.stringify(args)).toBe(false)
  })

  it('holds what stands beside a reference, and names that objects have anyway', () => {
    const schema = {
      type: 'object',
      $defs: { word: { type: 'string', pattern: '^[a-z]+$' } },
      properties: { p: { maxLength: 3, $ref: '#/$defs/word', minLength: 2 } },
    }
    for (const [p, fine] of [
      ['abc', true],
      ['a', false],
      ['abcd', false],
      ['AB', false],
    ] as const)
      expect([p, fits(schema, { p })]).toEqual([p, fine])
    for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
      const odd = JSON.parse(`{"${name}":"^y"}`)
      const rights = compileTools({ ...nothing, arguments: { t: odd } }, () => {})
      const said = (args: string) => [name, args, rights.judge('t', args).kind]
      expect(said('{}')).toEqual([name, '{}', 'outside'])
      expect(said(`{"${name}":"z"}`)[2]).toBe('outside')
      expect(said(`{"${name}":"y"}`)[2]).toBe('allowed')
    }
  })

  it('takes patterns that would make a backtracking engine stand still', () => {
    const startedAt = performance.now()
    for (const pattern of ['^(a+)+$', '^(a|a)*$', '^([a-z]+)*!$', '(x+x+)+y'])
      expect(fits({ p: pattern }, { p: `${'ax'.repeat(16_000)}?` })).toBe(false)
    expect(performance.now() - startedAt).toBeLessThan(3000)
  })
})

describe('arguments', () => {
  it('have one canonical text, however they are written', () => {
    const value = fc.jsonValue({ noUnicodeString: false })
    const shuffled = (json: JsonValue): JsonValue => {
      if (Array.isArray(json)) return json.map(shuffled)
      if (typeof json !== 'object' || json === null) return json
      const fresh = Object.create(null) as Record<string, JsonValue>
      for (const [key, member] of Object.entries(json).toReversed()) fresh[key] = shuffled(member)
      return fresh
    }
    fc.assert(
      fc.property(value, (given) => {
        const json = given as JsonValue
        expect(canonical(shuffled(json))).toBe(canonical(json))
        expect(canonical(JSON.parse(canonical(json)))).toBe(canonical(json))
      }),
    )
  })

  it('that differ have different ones', () => {
    const apart: [JsonValue, JsonValue][] = [
      [{ a: 1 }, { a: '1' }],
      [{ a: [1, 2] }, { a: [2, 1] }],
      [{ a: null }, {}],
      [{ a: { b: 1 } }, { 'a.b': 1 }],
      [{ a: '1,"b":2' }, { a: '1', b: 2 }],
      [{ a: '\u00e9' }, { a: 'e\u0301' }],
    ]
    for (const [one, other] of apart) expect(canonical(one)).not.toBe(canonical(other))
  })

  it('are read in linear time', () => {
    const startedAt = performance.now()
    for (const text of [
      `{"a":"${'\\\\'.repeat(120_000)}"}`,
      `{"a":[${'1,'.repeat(120_000)}1]}`,
      '"'.repeat(250_000),
    ])
      readArguments(text)
    expect(performance.now() - startedAt).toBeLessThan(2000)
  })
})
