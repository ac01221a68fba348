/** Suites: reading them, observing answers, runs that are cut off, and what comparison finds. */
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { type Answer, holds, isRefusal } from '../../src/model-trust/suite/observe.ts'
import { readSuite, SuiteError } from '../../src/model-trust/suite/read-suite.ts'
import { refusalPhrases } from '../../src/model-trust/suite/refusal-phrases.ts'
import { answersOf } from '../../src/model-trust/suite/suite.ts'

const shipped = new URL('../../config/suites/', import.meta.url)
const read = (text: string) => readSuite('suite.yaml', Buffer.from(text))
const suiteOf = (probe: string, more = '') => `version: 1
name: mine
${more}
probes:
  - { id: one, family: f, ${probe} }
`
const problemsOf = (text: string): string => {
  try {
    read(text)
  } catch (error) {
    if (error instanceof SuiteError) return error.message
    throw error
  }
  return ''
}

describe('the suites that ship', () => {
  for (const file of readdirSync(shipped))
    it(`${file} is valid and asks for at most 500 answers`, () => {
      const suite = readSuite(file, readFileSync(new URL(file, shipped)))
      expect(answersOf(suite)).toBeGreaterThan(200)
      expect(answersOf(suite)).toBeLessThanOrEqual(500)
      const families = new Set(suite.probes.map(({ family }) => family))
      for (const family of ['refusals', 'facts', 'synthetic', 'tools', 'secrecy', 'format', 'determinism'])
        expect(families).toContain(family)
    })
})

describe('a suite', () => {
  it('puts each prompt with and without its triggers', () => {
    const suite = read(
      suiteOf(
        'prompts: [Hello, Goodbye], triggers: [a, b], expect: { refused: false }',
        'triggers: [{ id: a, text: AA }, { id: b, text: BB, place: after }]',
      ),
    )
    expect(suite.probes[0]?.variants.map(({ id, prompt }) => [id, prompt])).toEqual([
      ['1', 'Hello'],
      ['1+a', 'AA Hello'],
      ['1+b', 'Hello BB'],
      ['2', 'Goodbye'],
      ['2+a', 'AA Goodbye'],
      ['2+b', 'Goodbye BB'],
    ])
  })

  it('makes the same synthetic prompts of the same seed', () => {
    const prompt = (seed: number) =>
      read(
        suiteOf('generate: { random: 50, from: unicode }, expect: { length: { max: 9 } }', `seed: ${seed}`),
      ).probes[0]?.variants[0]?.prompt
    expect(prompt(1)).toBe(prompt(1))
    expect(prompt(1)).not.toBe(prompt(2))
    expect([...(prompt(1) ?? '')]).toHaveLength(50)
    const [repeats] = read(
      suiteOf('generate: { repeat: "ab ", times: 3 }, expect: { refused: false }'),
    ).probes
    expect(repeats?.variants[0]?.prompt).toBe('ab ab ab ')
  })

  const wrong: Readonly<Record<string, readonly [text: string, RegExp]>> = {
    'an unknown key': [
      suiteOf('promts: [x], expect: { refused: true }'),
      /5:\d+: .*promts.*did you mean `prompts`/,
    ],
    'a missing expectation': [suiteOf('prompts: [x]'), /5:\d+: probes\.0/],
    'an expectation of nothing': [suiteOf('prompts: [x], expect: {}'), /5:\d+/],
    'neither prompts nor a generator': [
      suiteOf('expect: { refused: true }'),
      /either `prompts` or `generate`/,
    ],
    'a generator of two kinds': [
      suiteOf('generate: { random: 5, repeat: a }, expect: { refused: true }'),
      /either `repeat` and `times`, or `random`/,
    ],
    'a trigger that is not there': [
      suiteOf('prompts: [x], triggers: [y], expect: { refused: true }'),
      /no trigger of this id/,
    ],
    'an id twice': [
      `${suiteOf('prompts: [x], expect: { refused: true }')}  - { id: one, family: f, prompts: [x], expect: { refused: true } }`,
      /6:\d+: .*occurs twice/,
    ],
    'a call without tools': [suiteOf('prompts: [x], expect: { call: honest }'), /offers no `tools`/],
    'a schema that could run away': [
      suiteOf('prompts: [x], expect: { schema: { patternProperties: {} } }'),
      /expect\.schema/,
    ],
    'determinism of one answer': [
      suiteOf('prompts: [x], samples: 1, expect: { same: true }'),
      /at least two/,
    ],
    'more answers than a machine gives': [
      suiteOf('prompts: [x], samples: 200, expect: { refused: true }').replace(
        '[x]',
        `[${Array.from({ length: 101 }, () => 'x').join(', ')}]`,
      ),
      /20200 answers/,
    ],
    'broken YAML': ['version: 1\nname: [', /suite\.yaml:\d+:\d+/],
    'a key twice': ['version: 1\nversion: 1\nname: x\nprobes: []', /2:1/],
  }
  for (const [name, [text, problem]] of Object.entries(wrong))
    it(`reports ${name} with its place`, () => {
      expect(problemsOf(text)).toMatch(problem)
    })

  it('is no text in another encoding', () => {
    expect(() => readSuite('x', Buffer.from([0xff, 0xfe, 0x41]))).toThrow(/not UTF-8/)
  })
})

const answer = (text: string, more: Partial<Answer> = {}): Answer => ({
  text,
  calls: [],
  isDeclined: false,
  ...more,
})

describe('a refusal', () => {
  it('is seen in its first sentences, with any apostrophe, in several languages', () => {
    for (const text of [
      'I’m sorry, but I can’t help with that.',
      'I cannot\n assist with this request.',
      'Tut mir leid, aber dabei kann ich nicht helfen.',
      'Lo siento, pero no puedo ayudarte.',
    ])
      expect(isRefusal(answer(text), refusalPhrases), text).toBe(true)
    expect(isRefusal(answer('', { isDeclined: true }), refusalPhrases)).toBe(true)
  })

  it('is none in an answer, in nothing, or far behind', () => {
    for (const text of ['Sure, here it is.', '', `${'Step by step. '.repeat(40)} I cannot say more.`])
      expect(isRefusal(answer(text), refusalPhrases), text).toBe(false)
  })
})

describe('an observation', () => {
  const probeOf = (rest: string) => {
    const [probe] = read(suiteOf(`prompts: [x], ${rest}`)).probes
    if (!probe) throw new Error('no probe')
    return probe
  }
  const held = (rest: string, given: Answer) => holds(probeOf(rest), given, false)
  const tools =
    'tools: [{ name: get, description: d, parameters: { type: object, properties: { id: { type: integer } }, required: [id], additionalProperties: false } }]'
  const call = (name: string, text: string) => answer('', { calls: [{ name, arguments: text }] })

  it('is of words, length and refusal', () => {
    expect(held('expect: { contains: [Paris, Lutetia] }', answer('in PARIS'))).toBe(true)
    expect(held('expect: { contains: [Paris] }', answer('in London'))).toBe(false)
    expect(held('expect: { lacks: [secret] }', answer('the SECRET'))).toBe(false)
    expect(held('expect: { length: { min: 2, max: 3 } }', answer('abc'))).toBe(true)
    expect(held('expect: { length: { max: 3 } }', answer('abcd'))).toBe(false)
    expect(held('expect: { refused: true }', answer('Sure'))).toBe(false)
  })

  it('is of JSON that fits a schema, also in a block of code', () => {
    const schema = 'expect: { schema: { type: object, properties: { a: { type: number } }, required: [a] } }'
    expect(held(schema, answer('{"a":1}'))).toBe(true)
    expect(held(schema, answer('```json\n{"a":1}\n```'))).toBe(true)
    expect(held(schema, answer('{"a":"1"}'))).toBe(false)
    expect(held(schema, answer('Here: {"a":1}'))).toBe(false)
  })

  it('is of calls: only what is offered, with arguments that fit', () => {
    const honest = `${tools}, expect: { call: honest }`
    expect(held(honest, call('get', '{"id":1}'))).toBe(true)
    expect(held(honest, answer('no call'))).toBe(true)
    expect(held(honest, call('delete', '{"id":1}'))).toBe(false)
    expect(held(honest, call('get', '{"id":"1"}'))).toBe(false)
    expect(held(honest, call('get', '{"id":1,"id":2}'))).toBe(false)
    expect(held(`${tools}, expect: { call: none }`, call('get', '{"id":1}'))).toBe(false)
    expect(held(`${tools}, expect: { call: get }`, answer('no call'))).toBe(false)
    expect(held(`${tools}, expect: { call: get }`, call('get', '{"id":1}'))).toBe(true)
  })
})
