import { describe, expect, it } from 'vitest'
import type { JsonObject } from '../../src/core/json.ts'
import { Refusal } from '../../src/core/refusal.ts'
import { openai } from '../../src/dialects/openai/request.ts'
import { exchangeOf, orders } from './exchange-of.ts'
import { readFrame } from './read-frame.ts'

const endpoint = (path: string) => exchangeOf(openai, path)
const chat = endpoint('/v1/chat/completions')
const read = (more: JsonObject) =>
  chat.read({ model: 'm', messages: [{ role: 'user', content: 'hi' }], ...more })
const prepared = (more: JsonObject) => chat.prepare(read(more), orders)
const refused = (more: JsonObject) => {
  try {
    read(more)
  } catch (error) {
    if (error instanceof Refusal) return error.say
  }
  throw new Error('it was not refused')
}

describe('OpenAI requests', () => {
  it('stream only when asked', () => {
    expect(read({}).stream).toBe(false)
    expect(read({ stream: true }).stream).toBe(true)
  })

  it('have max_completion_tokens read where the server would not', () => {
    expect(prepared({ max_completion_tokens: 4 }).body).toMatchObject({ max_tokens: 4 })
    expect(prepared({ max_completion_tokens: 4 }).body).not.toHaveProperty('max_completion_tokens')
    expect(prepared({ max_completion_tokens: 400 })).toMatchObject({
      clamped: ['max_tokens'],
      outputTokens: 100,
    })
  })

  it('drop what the server would not read, without a word', () => {
    const extras = {
      user: 'u',
      store: true,
      metadata: { a: 'b' },
      n: 1,
      tool_choice: 'auto',
      parallel_tool_calls: true,
    }
    const { body, dropped } = prepared(extras)
    for (const key of Object.keys(extras)) expect(body).not.toHaveProperty(key)
    expect(dropped.toSorted()).toEqual(Object.keys(extras).toSorted())
  })

  it('lose tools that would run on the server, and keep the request', () => {
    const tools = [
      { type: 'web_search' },
      { type: 'function', function: { name: 'f', strict: true, parameters: { type: 'object' } } },
    ]
    const { body } = prepared({ tools })
    expect(body.tools).toEqual([
      { type: 'function', function: { name: 'f', parameters: { type: 'object' } } },
    ])
    expect(read({ tools }).tools).toEqual(['f'])
  })

  it('may carry images as data URLs only', () => {
    const image = (url: string) => ({
      messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url } }] }],
    })
    expect(refused(image('http://127.0.0.1:9/x.png'))).toMatch(/data: URL/)
    expect(refused(image('file:///etc/passwd'))).toMatch(/data: URL/)
    expect(refused(image('data:image/png;base64,%%%'))).toMatch(/data: URL/)
    expect(read(image('data:image/png;base64,aGVsbG8=')).counts).toMatchObject({ images: 1, imageBytes: 6 })
  })

  it('keep content null beside tool calls', () => {
    const call = { id: 'c', type: 'function', function: { name: 'f', arguments: '{}' } }
    const { body } = prepared({ messages: [{ role: 'assistant', content: null, tool_calls: [call] }] })
    expect(body.messages).toEqual([{ role: 'assistant', content: null, tool_calls: [call] }])
  })

  it.each([
    [{ messages: [] }, /empty/],
    [{ messages: 'x' }, /list/],
    [{ messages: [{ role: 'user', content: [{ type: 'video', video: 'x' }] }] }, /content\[0\].type/],
    [{ messages: [{ role: 'user', content: [{ type: 'text', TEXT: 'x' }] }] }, /case/],
    [{ temperature: 'hot' }, /temperature/],
    [{ max_tokens: 1.5 }, /max_tokens/],
    [{ stop: 7 }, /`stop` must be a string or a list of strings/],
  ])('are refused for %j', (more, why) => expect(refused(more as JsonObject)).toMatch(why))

  it('of embeddings carry text, not tokens', () => {
    expect(() => endpoint('/v1/embeddings').read({ model: 'm', input: [1, 2, 3] })).toThrow(Refusal)
    expect(endpoint('/v1/embeddings').read({ model: 'm', input: ['a'] }).texts).toHaveLength(1)
  })
})

describe('OpenAI answers', () => {
  const chunk = (value: object) => ({ data: JSON.stringify({ model: 'served', ...value }) })
  const usage = { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 }

  it('of a stream are asked for their usage, which is hidden again', () => {
    const { body, reader } = prepared({ stream: true })
    expect(body.stream_options).toEqual({ include_usage: true })
    expect(readFrame(reader, chunk({ choices: [], usage }))).toBeUndefined()
    expect(reader.usage).toEqual({ input: 3, output: 2 })
  })

  it('keep the usage a client asked for', () => {
    const { reader } = prepared({ stream: true, stream_options: { include_usage: true } })
    expect(readFrame(reader, chunk({ choices: [], usage }))?.data).toContain('prompt_tokens')
  })

  it('lose the zero usage that completions put in every chunk', () => {
    const completions = endpoint('/v1/completions')
    const { reader } = completions.prepare(
      completions.read({ model: 'm', prompt: 'x', stream: true }),
      orders,
    )
    const passed = readFrame(
      reader,
      chunk({ choices: [{ text: 'a', index: 0 }], usage: { prompt_tokens: 0, completion_tokens: 0 } }),
    )
    expect(passed?.data).not.toContain('usage')
    expect(reader.usage).toBeUndefined()
  })

  it('end with [DONE] and are finished with a finish reason', () => {
    const { reader } = prepared({ stream: true })
    readFrame(reader, chunk({ choices: [{ index: 0, delta: { content: 'a' }, finish_reason: null }] }))
    expect(reader.state).toBe('open')
    readFrame(reader, chunk({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] }))
    expect(reader.state).toBe('finished')
    expect(readFrame(reader, { data: '[DONE]' })).toEqual({ data: '[DONE]' })
    expect(reader.state).toBe('ended')
  })

  it.each([{ error: { message: 'x' } }, { model: '', choices: [{ index: 0, delta: { content: '' } }] }])(
    'of a model that died are a failure: %j',
    (value) => {
      const { reader } = prepared({ stream: true })
      expect(readFrame(reader, { data: JSON.stringify(value) })).toBeUndefined()
      expect(reader.state).toBe('failed')
    },
  )

  it('put tool calls together from their pieces, of every choice', () => {
    const { reader } = prepared({ stream: true })
    const piece = (index: number, call: object) =>
      chunk({ choices: [{ index, delta: { tool_calls: [call] } }] })
    readFrame(reader, piece(0, { index: 0, id: 'a', function: { name: 'get_', arguments: '{"ci' } }))
    readFrame(reader, piece(1, { index: 0, id: 'b', function: { name: 'other', arguments: '{}' } }))
    readFrame(reader, piece(0, { index: 0, function: { name: 'weather', arguments: 'ty":"Bonn"}' } }))
    expect(reader.transcript.toolCalls).toEqual([
      { name: 'get_weather', arguments: '{"city":"Bonn"}' },
      { name: 'other', arguments: '{}' },
    ])
  })
})

it('what two choices say in turns is told one after the other, so that no word of either is torn', () => {
  const { reader } = prepared({ stream: true })
  const say = (index: number, content: string) =>
    readFrame(reader, {
      data: JSON.stringify({
        id: 'c',
        model: 'm',
        choices: [{ index, delta: { content }, finish_reason: null }],
      }),
    })
  for (const [first, second] of [
    ['my key is sk-', 'your key is sk-'],
    ['proj-abc', 'live-def'],
  ] as const) {
    say(0, first)
    say(1, second)
  }
  expect(reader.transcript.text).toBe('my key is sk-proj-abc\nyour key is sk-live-def')
})
