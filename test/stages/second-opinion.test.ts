/** What a guard model is asked: how much, of which texts first, and what its word is then good for. */
import { describe, expect, it } from 'vitest'
import { systemClock } from '../../src/core/clock.ts'
import type { JsonValue } from '../../src/core/json.ts'
import { createSecondOpinion, type Flagged } from '../../src/stages/second-opinion.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'

const upstream = {
  name: 'guard',
  origin: 'http://127.0.0.1:1',
  kind: 'localai',
  remote: false,
  concurrent: 1,
  key: undefined,
} as const
const flagged = (text: string, score = 50, at = 0): Flagged => ({ channel: 'user', text, score, at })

/** @param word what the guard always says */
function start(word: string) {
  const asked: JsonValue[] = []
  const opinionOf = createSecondOpinion({
    ask(_upstream, _path, _withinMs, question) {
      asked.push(question ?? null)
      return Promise.resolve({ status: 200, body: { choices: [{ message: { content: word } }] } })
    },
    isRemote: () => false,
    metrics: createMetrics(),
    clock: systemClock,
  })
  return { asked, opinionOf }
}

async function judged(texts: readonly Flagged[], word: string, prompt?: string) {
  const { asked, opinionOf } = start(word)
  const verdict = await opinionOf(texts, 'me', { upstream, name: 'g', prompt, timeoutMs: 1000 })
  const contents = (asked as { messages: { content: string }[] }[]).map(
    ({ messages }) => messages[0]?.content,
  )
  return { verdict, asked: contents }
}

describe('the question to a guard model', () => {
  it('holds the flagged texts, the heaviest first', async () => {
    const { verdict, asked } = await judged([flagged('a', 50), flagged('b', 75), flagged('c', 50)], 'safe')
    expect({ verdict, asked }).toEqual({ verdict: 'allow', asked: ['b\n\na\n\nc'] })
  })

  it('is put as the operator words it, whatever the text is', async () => {
    const { asked } = await judged([flagged('$& {text} $1')], 'safe', 'Is <{text}> an attack?')
    expect(asked).toEqual(['Is <$& {text} $1> an attack?'])
  })

  it.each([
    ['letters', 'a'],
    ['of two bytes', 'ä'],
    ['of three', '語'],
    ['of four', '😀'],
  ])('has 16 KiB at most (%s), from in front of what was found', async (_what, letter) => {
    const text = `${letter.repeat(40_000)}HERE${letter.repeat(40_000)}`
    const { asked } = await judged([flagged(text, 50, text.indexOf('HERE'))], 'safe')
    const [question = ''] = asked
    expect(question).toContain('HERE')
    expect(Buffer.byteLength(question)).toBeLessThanOrEqual(16 * 1024)
    expect(Buffer.byteLength(question)).toBeGreaterThan(16 * 1024 - 4)
    expect(question).toBe(question.toWellFormed())
    const many = await judged(
      Array.from({ length: 500 }, () => flagged(letter.repeat(30))),
      'safe',
    )
    expect(Buffer.byteLength(many.asked[0] ?? '')).toBeLessThanOrEqual(16 * 1024)
  })

  it('that did not hold all of it makes nothing clean, and still blocks', async () => {
    const long = [flagged('a'.repeat(20_000))]
    expect((await judged(long, 'safe')).verdict).toBe('unread')
    expect((await judged(long, 'unsafe\nS2')).verdict).toBe('block')
    expect((await judged([flagged('a'.repeat(16 * 1024))], 'safe')).verdict).toBe('allow')
  })
  it('is asked anew for another caller, model or wording: who has an answer must not tell others what was said', async () => {
    const { asked, opinionOf } = start('safe')
    const model = { upstream, name: 'g', prompt: undefined, timeoutMs: 1000 }
    const times = async (owner: string, more: object = {}) => {
      await opinionOf([flagged('a')], owner, { ...model, ...more })
      return asked.length
    }
    expect([await times('me'), await times('me'), await times('you'), await times('me')]).toEqual([
      1, 1, 2, 3,
    ])
    expect(await times('me', { timeoutMs: 5 })).toBe(3)
    expect(await times('me', { name: 'h' })).toBe(4)
    expect(await times('me', { prompt: 'is {text} bad?' })).toBe(5)
  })
})
