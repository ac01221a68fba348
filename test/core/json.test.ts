import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { JsonFault, maxDepth, readJson } from '../../src/core/json.ts'

function fault(text: string): string | undefined {
  try {
    readJson(text)
    return undefined
  } catch (error) {
    expect(error).toBeInstanceOf(JsonFault)
    return (error as JsonFault).kind
  }
}

describe('readJson', () => {
  it('reads what JSON.parse reads, and prints back the same', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 8 }), (value) => {
        const text = JSON.stringify(value)
        // fast-check makes lone surrogates too, which JSON.stringify escapes and we refuse.
        fc.pre(!/\\ud[89ab]|\\ud[c-f]/i.test(text))
        expect(JSON.stringify(readJson(text))).toBe(text)
      }),
      { numRuns: 500 },
    )
  })

  it.each([
    ['{"a":1,"a":2}', 'a key occurs twice in one object'],
    ['{"a":{"b":1,"b":1}}', 'a key occurs twice in one object'],
    ['[{"x":[{"a":1,"\\u0061":2}]}]', 'a key occurs twice in one object'],
    ['{"__proto__":1,"__proto__":2}', 'a key occurs twice in one object'],
    ['{} {}', 'not valid JSON'],
    ['{"a":1}garbage', 'not valid JSON'],
    ['\ufeff{}', 'not valid JSON'],
    ['', 'not valid JSON'],
    ['{"a":NaN}', 'not valid JSON'],
    ["{'a':1}", 'not valid JSON'],
    ['{"a":"\u0001"}', 'not valid JSON'],
    ['{"a":01}', 'not valid JSON'],
    ['"unterminated', 'not valid JSON'],
    ['"\\ud800"', 'a string contains a lone surrogate'],
    ['{"\\udc00":1}', 'a string contains a lone surrogate'],
    ['[1e999]', 'a number is out of range'],
    [`${'['.repeat(maxDepth + 1)}${']'.repeat(maxDepth + 1)}`, 'nested deeper than 64 levels'],
  ])('refuses %j', (text, kind) => {
    expect(fault(text)).toBe(kind)
  })

  it.each([
    '{"a":1,"b":{"a":1}}',
    '[{"a":1},{"a":1}]',
    '{"a":"{\\"a\\":1,\\"a\\":2}"}',
    '{"a":"\\\\","b":":"}',
    '"\\ud83d\\ude00"',
    '{"__proto__":{"x":1},"constructor":2,"hasOwnProperty":3}',
    '[1e308, -0.5, 1E+2]',
    `${'['.repeat(maxDepth)}${']'.repeat(maxDepth)}`,
    ' \n\t{ "a" : [ ] }\r\n',
  ])('reads the harmless twin %j', (text) => {
    expect(readJson(text)).toEqual(JSON.parse(text))
  })

  it('finds a repeated key wherever it stands', () => {
    const keys = fc.uniqueArray(fc.string({ unit: 'grapheme-ascii', maxLength: 4 }), {
      minLength: 1,
      maxLength: 6,
    })
    fc.assert(
      fc.property(keys, fc.nat(), fc.nat(5), (names, which, depth) => {
        const members = names.map((name) => `${JSON.stringify(name)}:1`)
        const twice = [...members, members[which % members.length]]
        const wrap = (inner: string) => `${'{"w":['.repeat(depth)}{${inner}}${']}'.repeat(depth)}`
        expect(fault(wrap(members.join(',')))).toBeUndefined()
        expect(fault(wrap(twice.join(',')))).toBe('a key occurs twice in one object')
      }),
    )
  })

  it('says nothing of the text it refuses', () => {
    try {
      readJson('{"secret-key":1,"secret-key":2}')
      expect.unreachable()
    } catch (error) {
      expect(String(error)).not.toContain('secret')
    }
  })

  it('does not take an inherited property for a member', () => {
    const value = readJson('{"__proto__":{"polluted":true}}') as Record<string, unknown>
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype)
    expect(value.polluted).toBeUndefined()
  })
})
