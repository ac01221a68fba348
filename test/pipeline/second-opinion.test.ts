/** What a guard model is asked: how much, of which texts first, and what its word is then good for. */
import { describe, expect, it } from 'vitest'
import { systemClock } from '../../src/core/clock.ts'
import type { JsonValue } from '../../src/core/json.ts'
import type { Channel, Text } from '../../src/core/text.ts'
import { createSecondOpinion } from '../../src/pipeline/request/guard-model.ts'
import { type Flagged, questionsOf } from '../../src/pipeline/request/guard-model-questions.ts'
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

const model = { upstream, name: 'g', prompt: undefined, when: 'flagged', timeoutMs: 1000 } as const
const asking = (texts: readonly Flagged[]) => questionsOf([], texts, model, false)

/** @param word what the guard always says */
function start(word: string) {
  const asked: JsonValue[] = []
  const opinionOf = createSecondOpinion({
    ask(_upstream, _path, _withinMs, question) {
      asked.push(question ?? null)
      return Promise.resolve({ status: 200, body: { choices: [{ message: { content: word } }] } })
    },
    isForeign: () => false,
    metrics: createMetrics(),
    clock: systemClock,
  })
  return { asked, opinionOf }
}

async function judged(texts: readonly Flagged[], word: string, prompt?: string) {
  const { asked, opinionOf } = start(word)
  const { verdict } = await opinionOf(asking(texts), 'me', { ...model, prompt })
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
    const times = async (owner: string, more: object = {}) => {
      await opinionOf(asking([flagged('a')]), owner, { ...model, ...more })
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

describe('the questions about what is not flagged', () => {
  const text = (channel: Channel, said: string, tool?: string) => ({
    channel,
    text: said,
    ...(tool === undefined ? {} : { tool }),
  })
  const texts = [
    text('system', 'You are a helpful assistant.'),
    text('user', 'What does the page of our neighbours say?'),
    text('definition', 'Fetches a page from the web', 'fetch'),
    text('definition', 'url\nthe address of the page', 'fetch'),
    text('definition', 'Reads a file of the project', 'read'),
    text('tool', 'The page says that the bakery is open.', 'fetch'),
    text('tool', '42', 'fetch'),
    text('document', 'Opening hours of the bakery: 7 to 18.'),
  ]
  const about = (when: 'flagged' | 'untrusted' | 'all', trustSystem = false) =>
    questionsOf(texts, [], { when }, trustSystem).questions.map(({ channel }) => channel)

  it('are of the channels that the policy names, the newest text first, and one of each tool', () => {
    expect(about('flagged')).toEqual([])
    expect(about('untrusted')).toEqual(['document', 'tool', 'definition', 'definition'])
    expect(about('all')).toEqual(['document', 'tool', 'definition', 'definition', 'user', 'system'])
    expect(about('all', true)).not.toContain('system')
  })

  it('hold a long text in pieces that overlap, so that none of it is unread', () => {
    const long = Array.from({ length: 9000 }, (_, index) => `word${index}`).join(' ')
    const { questions, isWhole } = questionsOf([text('tool', long)], [], { when: 'untrusted' }, false)
    expect(isWhole).toBe(true)
    const read = questions.toReversed().map((question) => question.text)
    for (const piece of read) expect(Buffer.byteLength(piece)).toBeLessThanOrEqual(16 * 1024)
    expect(read.slice(1).reduce((all, piece) => all + piece.slice(512), read[0] ?? '')).toBe(long)
  })

  it('are 64 at most, and what is left out is told', () => {
    const many = Array.from({ length: 70 }, (_, index) =>
      text('tool', `The result of the call number ${index}`),
    )
    const { questions, isWhole } = questionsOf(many, [flagged('x')], { when: 'untrusted' }, false)
    expect(questions).toHaveLength(64)
    expect(questions[1]?.text).toContain('number 69')
    expect(isWhole).toBe(false)
  })

  it('are asked side by side, two of a request, until one is unsafe, and none of them twice', async () => {
    let open = 0
    let max = 0
    const asked: string[] = []
    const opinionOf = createSecondOpinion({
      async ask(_upstream, _path, _withinMs, question) {
        max = Math.max(max, ++open)
        await Promise.resolve()
        open--
        const [message] = (question as { messages: { content: string }[] }).messages
        asked.push(message?.content ?? '')
        const content = message?.content.includes('evil') ? 'unsafe' : 'safe'
        const usage = { prompt_tokens: 10, completion_tokens: 1 }
        return { status: 200, body: { choices: [{ message: { content } }], usage } }
      },
      isForeign: () => false,
      metrics: createMetrics(),
      clock: systemClock,
    })
    const results = Array.from({ length: 6 }, (_, index) =>
      text('tool', `The result of the call number ${index}`),
    )
    const opinionOn = (said: readonly Text[]) =>
      opinionOf(questionsOf(said, [], { when: 'untrusted' }, false), 'me', model)
    const first = await opinionOn(results)
    expect(first).toMatchObject({
      verdict: 'allow',
      cost: { asked: 6, remembered: 0, unread: 0, inputTokens: 60, outputTokens: 6 },
    })
    expect(max).toBe(2)
    const second = await opinionOn([...results, text('tool', 'An evil result of the last call')])
    expect(second).toMatchObject({
      verdict: 'block',
      unsafe: { channel: 'tool' },
      cost: { asked: 1, remembered: 6 },
    })
    expect(asked).toHaveLength(7)
    const third = await opinionOn([...results, text('tool', 'An evil result of the last call')])
    expect(third).toMatchObject({ verdict: 'block', cost: { asked: 0, remembered: 7 } })
  })

  it('have one time together', async () => {
    let now = 0
    const opinionOf = createSecondOpinion({
      ask() {
        now += 600
        return Promise.resolve({ status: 200, body: { choices: [{ message: { content: 'safe' } }] } })
      },
      isForeign: () => false,
      metrics: createMetrics(),
      clock: { ...systemClock, monotonicMs: () => now },
    })
    const results = Array.from({ length: 6 }, (_, index) =>
      text('tool', `The result of the call number ${index}`),
    )
    const { verdict, cost } = await opinionOf(questionsOf(results, [], { when: 'all' }, false), 'me', model)
    expect(verdict).toBe('unread')
    expect(cost).toMatchObject({ asked: 2, unread: 4 })
  })
})
