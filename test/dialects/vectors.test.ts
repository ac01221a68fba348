/** Long answers of vectors: passed on as they come, and read as strictly as short ones. */
import { describe, expect, it } from 'vitest'
import { EmbeddingResponseReader } from '../../src/dialects/common/embedding-response.ts'
import { passThrough, toFrames } from '../../src/dialects/common/output-filter.ts'
import { VectorStream } from '../../src/dialects/framing/vectors.ts'
import { OllamaResponseReader } from '../../src/dialects/ollama/response.ts'
import { OpenaiResponseReader } from '../../src/dialects/openai/response.ts'
import { Random } from '../fuzz/random.ts'

const names = { asked: 'mine', served: 'all-minilm' }
/** So many numbers that the answer is a long one. */
const many = Array.from({ length: 60_000 }, (_, index) => (index % 7 === 0 ? -index / 3e9 : index / 7))
const vector = JSON.stringify(many)

const ollama = (more = '', numbers = vector) =>
  `{"model":"all-minilm","embeddings":[[0.5,-1],${numbers}],"total_duration":14143917,${more}"prompt_eval_count":8}`
const openai = (more = '', embedding = vector) =>
  `{"object":"list","data":[{"object":"embedding","embedding":${embedding},"index":0}],${more}"model":"all-minilm","usage":{"prompt_tokens":8,"total_tokens":8}}`

/** @returns what a client gets of an answer, and what was made of it */
function read(dialect: 'ollama' | 'openai', text: string, pieceLength = 65_536) {
  const usual =
    dialect === 'ollama' ? new OllamaResponseReader(names) : new OpenaiResponseReader(names, false, false)
  const reader = new EmbeddingResponseReader(usual, names)
  const framing = reader.framing('application/json; charset=utf-8')
  const pieces: Uint8Array[] = []
  let maxHeld = 0
  const splitter = framing.split((frame) => {
    for (const each of toFrames(reader.frame(frame, passThrough))) {
      const printed = framing.encode(each)
      pieces.push(typeof printed === 'string' ? new TextEncoder().encode(printed) : printed)
    }
  })
  const bytes = new TextEncoder().encode(text)
  for (let at = 0; at < bytes.length; at += pieceLength) {
    splitter.push(bytes.subarray(at, at + pieceLength))
    maxHeld = Math.max(maxHeld, splitter.held)
  }
  splitter.end()
  return {
    text: Buffer.concat(pieces).toString(),
    pieces: pieces.length,
    state: reader.state,
    usage: reader.usage,
    maxHeld,
  }
}
const asAsked = (text: string) => text.replace('"model":"all-minilm"', '"model":"mine"')

describe('a long answer of vectors', () => {
  it.each([
    ['ollama', ollama()],
    ['openai', openai()],
    ['openai', openai('', JSON.stringify('QUJD'.repeat(200_000)))],
    ['ollama', JSON.stringify(JSON.parse(ollama()), undefined, 1)],
  ] as const)(
    'of %s leaves as it came, but for the name of its model, in whatever pieces',
    (dialect, text) => {
      for (const length of [65_536, 4099, 1_000_003]) {
        const got = read(dialect, text, length)
        expect(got.text).toBe(asAsked(text).replace('"model": "all-minilm"', '"model": "mine"'))
        expect([got.state, got.usage?.input]).toEqual(['ended', 8])
      }
    },
  )

  it('is not kept: what of it is here is never more than its head', () => {
    const got = read('ollama', ollama('', Array(20).fill(vector).join(',')))
    expect(got.text.length).toBeGreaterThan(10_000_000)
    expect(got.maxHeld).toBeLessThanOrEqual(512 * 1024)
    expect(got.pieces).toBeGreaterThan(100)
  })

  it.each([
    ['a key twice', ollama('"prompt_eval_count":1,')],
    ['a twin of a known key', ollama('"Model":"x",')],
    ['the token context', ollama('"context":[1,2],')],
    ['something behind its end', `${ollama()}{}`],
    ['no end', ollama().slice(0, -1)],
    ['a word among its numbers', ollama('', `${vector.slice(0, -1)},"x"]`)],
    ['an object among its numbers', ollama('', `${vector.slice(0, -1)},{}]`)],
    ['half a number', ollama('', `${vector.slice(0, -1)},-]`)],
    ['a number with a leading zero', ollama('', `${vector.slice(0, -1)},01]`)],
    ['a number that is none', ollama('', `${vector.slice(0, -1)},NaN]`)],
    ['a number out of range', ollama('', `${vector.slice(0, -1)},1e400]`)],
    ['a comma too many', ollama('', `${vector.slice(0, -1)},]`)],
    ['a long text', ollama(`"note":${JSON.stringify('a word '.repeat(2000))},`)],
    ['its model’s name in disguise', ollama().replace('"all-minilm"', '"all\\u002dminilm"')],
    ['deep nesting', ollama(`"x":${'['.repeat(70)}${']'.repeat(70)},`)],
    [
      'a counted thing of the wrong kind',
      openai('"object":7,').replace('"usage":{', '"usage":[{').replace('}}', '}]}'),
    ],
  ])('with %s never ends', (_what, text) => {
    const dialect = text.startsWith('{"object"') ? 'openai' : 'ollama'
    expect(() => {
      const { state } = read(dialect, text)
      if (state !== 'ended') throw new Error(state)
    }).toThrow()
  })

  it('that says it failed has failed', () => {
    expect(read('ollama', ollama('"error":"out of memory",')).state).toBe('failed')
  })
})

describe('numbers', () => {
  const passes = (list: string) => {
    const vectors = new VectorStream({ from: 'a', to: 'a' })
    try {
      for (const byte of new TextEncoder().encode(`{"v":${list}}`)) vectors.push(Uint8Array.of(byte))
    } catch {
      return false
    }
    return vectors.outline().replaceAll(' ', '') === '{"v":[]}'
  }

  it('are those of JSON', () => {
    for (const good of ['[0]', '[-0.0]', '[1e5 , 2E-07]', '[ 12.50 ]', '[-1.5e+3]'])
      expect(passes(good)).toBe(true)
    for (const bad of [
      '[00]',
      '[1.]',
      '[.5]',
      '[+1]',
      '[1e]',
      '[1 2]',
      '[1,,2]',
      '[--1]',
      '[1,]',
      '[0x1]',
      '[1e999]',
    ])
      expect(passes(bad)).toBe(false)
  })

  it('are read as the platform reads them', () => {
    const random = new Random(7)
    const alphabet = '0019-+.eE,, '
    for (let round = 0; round < 20_000; round++) {
      let list = '1'
      for (let length = random.below(8); length > 0; length--) list += alphabet[random.below(alphabet.length)]
      const isJson = (() => {
        try {
          return Boolean(JSON.parse(`[${list}]`))
        } catch {
          return false
        }
      })()
      // The one difference: no vector has numbers of three digits behind the `e`.
      if (!/e[+-]?\d{3}/i.test(list)) expect([list, passes(`[${list}]`)]).toEqual([list, isJson])
    }
  })
})
