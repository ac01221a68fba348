/** Schemas of callers, which may be made to take for ever. */
import { describe, expect, it } from 'vitest'
import type { JsonValue } from '../../src/core/json.ts'
import { compileUntrusted } from '../../src/tool-policy/bounded-schema.ts'

function check(schema: JsonValue, text: string) {
  let units = 0
  const spend = (more: number) => {
    units += more
  }
  return { verdict: compileUntrusted(schema, spend)(text, spend), units }
}
const repeat = (count: number, value: JsonValue) => Array.from({ length: count }, () => value)

describe('a schema of a caller', () => {
  it.each<[JsonValue, string, string]>([
    [true, '[1]', 'fits'],
    [{ type: 'integer' }, ' 7\n', 'fits'],
    [{ type: 'integer' }, '7.5', 'mismatch'],
    [{ type: 'string', pattern: '^a+$' }, '"aab"', 'mismatch'],
    [{ type: 'integer' }, '```json\n7\n```', 'no-json'],
    [{ $defs: { a: { type: 'null' } }, $ref: '#/$defs/a' }, 'null', 'fits'],
  ])('%j judges %j: %s', (schema, text, verdict) => {
    expect(check(schema, text).verdict).toBe(verdict)
  })

  it('is charged for', () => {
    expect(check({ items: { type: 'integer' } }, JSON.stringify(repeat(1000, 1))).units).toBeGreaterThan(2000)
  })

  const doubling = Object.fromEntries(
    Array.from({ length: 12 }, (_, index) => [
      `a${index}`,
      { allOf: repeat(2, { $ref: `#/$defs/a${index + 1}` }) },
    ]),
  )
  const chain = Object.fromEntries(
    Array.from({ length: 4000 }, (_, index) => [`a${index}`, { $ref: `#/$defs/a${index + 1}` }]),
  )
  it.each<[string, JsonValue, string]>([
    [
      'many names put in place again and again',
      {
        $defs: { ...doubling, a12: { required: Array.from({ length: 8000 }, (_, n) => `n${n}`) } },
        $ref: '#/$defs/a0',
      },
      '{}',
    ],
    ['a chain of references', { $defs: { ...chain, a4000: true }, $ref: '#/$defs/a0' }, '{}'],
    ['many patterns', { anyOf: Array.from({ length: 40 }, (_, n) => ({ pattern: `${n}` })) }, '""'],
    [
      'many choices for many values',
      { items: { anyOf: repeat(1000, { type: 'null' }) } },
      JSON.stringify(repeat(5000, 1)),
    ],
    ['a pattern for a long text', { pattern: '(?:a?){20}b' }, JSON.stringify('a'.repeat(60_000))],
    ['lengths of a long text', { allOf: repeat(500, { maxLength: 9 }) }, JSON.stringify('a'.repeat(60_000))],
    ['a deep text', { type: 'array' }, '['.repeat(5000) + ']'.repeat(5000)],
    ['a deep schema', JSON.parse(`${'{"not":'.repeat(100)}true${'}'.repeat(100)}`), '1'],
  ])('with %s is not checked, at once', (_, schema, text) => {
    const since = performance.now()
    expect(check(schema, text).verdict).toBe('unchecked')
    expect(performance.now() - since).toBeLessThan(1000)
  })
})
