/** The reader that stands for the servers reads as Go was seen to read (reference: tricks marked [RUN]). */
import { describe, expect, it } from 'vitest'
import { parseGo } from './go-json.ts'
import { Found, int, list, struct, text } from './go-structs.ts'

const body = struct({
  model: text,
  think: text,
  messages: list(struct({ role: text, content: text })),
  n: int,
})
function read(json: string) {
  const found = new Found(new Set())
  const { root, oddities } = parseGo(json)
  body(root, '', found)
  return { texts: Object.fromEntries([...found.texts].map(([at, [first]]) => [at, first])), oddities, found }
}

describe('the Go-like reader', () => {
  it('takes the last of several, across cases', () => {
    expect(read('{"model":"a","MODEL":"b"}').texts).toEqual({ model: 'b' })
    expect(read('{"MODEL":"b","model":"a"}').texts).toEqual({ model: 'a' })
    expect(read('{"model":"a","model":"b"}')).toMatchObject({
      texts: { model: 'b' },
      oddities: ['a key stands twice'],
    })
  })

  it('folds the long s and the Kelvin sign', () => {
    expect(read('{"me\\u017f\u017fages":[{"content":"x"}],"thin\u212a":"y"}').texts).toEqual({
      'messages[0].content': 'x',
      think: 'y',
    })
  })

  it('decodes lists in place and lets null keep what was there', () => {
    const twice =
      '{"messages":[{"role":"user","content":"EVIL"}],"messages":[{"role":"user","content":null}]}'
    expect(read(twice).texts).toMatchObject({ 'messages[0].content': 'EVIL' })
    expect(read('{"model":"b","model":null}').texts).toEqual({ model: 'b' })
  })

  it('reads a lone surrogate as U+FFFD', () => {
    expect(read('{"model":"\\ud800x"}')).toMatchObject({
      texts: { model: '\ufffdx' },
      oddities: ['a lone surrogate'],
    })
  })

  it.each([
    '\ufeff{}',
    '{"a":NaN}',
    '{"a":"\u0001"}',
    '{"a":01}',
    '{"a":1.}',
    '{"a":"\\x41"}',
    '{} x',
    '{"a":1,}',
    '',
  ])('refuses %j', (json) => {
    expect(() => parseGo(json)).toThrow(SyntaxError)
  })

  it('notices whole numbers that are spelled as others', () => {
    expect(read('{"n":1.0}').found.faults).toHaveLength(1)
    expect(read('{"n":1e3}').found.faults).toHaveLength(1)
    expect(read('{"n":-12}').found.faults).toEqual([])
  })
})
