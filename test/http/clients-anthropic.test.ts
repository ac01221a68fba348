/** The real `@anthropic-ai/sdk` from npm, unchanged but for URL and key. */
import Anthropic, {
  APIError,
  AuthenticationError,
  BadRequestError,
  NotFoundError,
  RateLimitError,
} from '@anthropic-ai/sdk'
import { betaTool } from '@anthropic-ai/sdk/helpers/beta/json-schema'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  blocked,
  colours,
  failed,
  injected,
  injection,
  messages,
  name,
  question,
  type Scene,
  startScene,
  unknownModel,
  weather,
} from '../rig/clients.ts'

let scene: Scene
let anthropic: Anthropic
beforeAll(async () => {
  scene = await startScene()
  anthropic = new Anthropic({ baseURL: scene.gate.data, apiKey: scene.gate.key })
})
afterAll(() => scene.close())

const ask = { model: name, max_tokens: 48, messages }
const { parameters: input_schema, ...named } = weather
const tools = [{ ...named, input_schema }]

describe('anthropic', () => {
  it('sends a message', async () => {
    const { content, usage, stop_reason, _request_id } = await anthropic.messages.create({
      ...ask,
      system: 'Be brief.',
    })
    expect(content).toMatchObject([{ type: 'text', text: colours }])
    expect([usage.output_tokens, stop_reason]).toEqual([12, 'end_turn'])
    const record = scene.gate.requests().at(-1)
    expect(record).toMatchObject({ id: _request_id, dialect: 'anthropic', usage: { input: 13, output: 12 } })
    expect(scene.model.posts.at(-1)?.json).toEqual({ ...ask, system: 'Be brief.' })
  })

  it('streams', async () => {
    let text = ''
    for await (const event of await anthropic.messages.create({ ...ask, stream: true }))
      if (event.type === 'content_block_delta' && event.delta.type === 'text_delta') text += event.delta.text
    const final = await anthropic.messages.stream(ask).finalMessage()
    expect(text).not.toBe('')
    expect(final.content).toMatchObject([{ type: 'text', text }])
    expect(scene.gate.requests().at(-1)).toMatchObject({
      answer: { text: { text } },
      usage: { output: final.usage.output_tokens },
    })
  })

  it('calls tools, whole and streamed', async () => {
    const bonn = [{ type: 'tool_use', name: 'get_weather', input: { city: 'Bonn' } }]
    const whole = await scene.playing(['v1-messages-tools-whole'], () =>
      anthropic.messages.create({ ...ask, tools, tool_choice: { type: 'auto' } }),
    )
    expect(whole.content).toMatchObject(bonn)
    expect(scene.model.posts.at(-1)?.json).toMatchObject({ tools, tool_choice: { type: 'auto' } })
    const streamed = await scene.playing(['v1-messages-tools-stream'], () =>
      anthropic.messages.stream({ ...ask, tools }).finalMessage(),
    )
    expect(streamed.content).toMatchObject(bonn)
  })

  it('counts tokens, which no model server does', async () => {
    const before = scene.model.posts.length
    const short = await anthropic.messages.countTokens({ model: name, messages })
    const long = await anthropic.messages.countTokens({
      model: name,
      messages,
      system: 'Be brief. '.repeat(40),
    })
    expect(short.input_tokens).toBeGreaterThan(0)
    expect(long.input_tokens).toBeGreaterThan(short.input_tokens + 90)
    expect(scene.model.posts.length).toBe(before)
  })

  it('lists models', async () => {
    const ids = []
    for await (const { id } of anthropic.models.list()) ids.push(id)
    expect(ids).toEqual(['all-minilm:latest', 'smollm2:135m'])
    expect((await anthropic.models.retrieve(name)).id).toBe(name)
  })
})

describe('a tool runner', () => {
  const runner = (more: { readonly stream?: boolean } = {}) =>
    anthropic.beta.messages.toolRunner({
      ...ask,
      system: 'Be brief.',
      tools: [betaTool({ ...named, inputSchema: weather.parameters, run: () => '12 degrees, rain' })],
      ...more,
    })
  const conversation = [
    { role: 'user', content: question },
    { role: 'assistant', content: [{ type: 'tool_use', name: 'get_weather', input: { city: 'Bonn' } }] },
    { role: 'user', content: [{ type: 'tool_result', content: '12 degrees, rain' }] },
  ]

  it('that would keep the conversation on the server sends it whole instead', async () => {
    const before = scene.model.posts.length
    const { result, endings } = await scene.playing(['v1-messages-tools-whole', 'v1-messages-whole'], () =>
      scene.watched(() => runner().runUntilDone()),
    )
    expect(result?.content).toMatchObject([{ type: 'text', text: colours }])
    // It opens a thread, continues it with the tool's result alone, is refused, and starts over with everything.
    expect(endings).toEqual(['answered', 'invalid_request', 'answered'])
    const [first, second, ...more] = scene.model.posts.slice(before).map(({ json }) => json)
    expect(more).toEqual([])
    expect(second).toMatchObject({ system: 'Be brief.', tools, messages: conversation })
    for (const json of [first, second]) expect(json).not.toHaveProperty('thread')
  })

  it('does so in streams too', async () => {
    const { result, endings } = await scene.playing(['v1-messages-tools-stream', 'v1-messages-stream'], () =>
      scene.watched(() => runner({ stream: true }).runUntilDone()),
    )
    expect(result?.stop_reason).toBe('end_turn')
    expect(endings).toEqual(['answered', 'invalid_request', 'answered'])
    expect(scene.model.posts.at(-1)?.json).toMatchObject({ system: 'Be brief.', messages: conversation })
  })
})

describe('errors of anthropic', () => {
  it.each([
    ['a prompt', { ...ask, messages: injected }],
    ['a system prompt', { ...ask, system: injection }],
    ['a stream', { ...ask, messages: injected, stream: true as const }],
  ])('%s that is blocked is a 400, after exactly one attempt', async (_what, body) => {
    const before = scene.model.posts.length
    const { error, endings } = await scene.watched(async () => anthropic.messages.create(body))
    expect(error).toBeInstanceOf(BadRequestError)
    expect(error).toMatchObject({
      status: 400,
      type: 'invalid_request_error',
      apiMessage: blocked,
      requestID: scene.gate.requests().at(-1)?.id,
    })
    expect(endings).toEqual(['prompt_blocked'])
    expect(scene.model.posts.length).toBe(before)
  })

  it('an unknown model is a 404', async () => {
    const { error, endings } = await scene.watched(() =>
      anthropic.messages.create({ ...ask, model: 'claude-opus-4-5' }),
    )
    expect(error).toBeInstanceOf(NotFoundError)
    expect(error).toMatchObject({ type: 'not_found_error', apiMessage: unknownModel })
    expect(endings).toEqual(['model_not_allowed'])
  })

  it('a wrong key is a 401, and a field that is wrong is named', async () => {
    const stranger = new Anthropic({ baseURL: scene.gate.data, apiKey: 'sk-wrong' })
    const wrong = await scene.watched(() => stranger.messages.create(ask))
    expect(wrong.error).toBeInstanceOf(AuthenticationError)
    expect(wrong.error).toMatchObject({ type: 'authentication_error' })
    expect(wrong.endings).toEqual(['invalid_credentials'])
    await expect(anthropic.messages.create({ ...ask, max_tokens: 0 })).rejects.toMatchObject({
      status: 400,
      apiMessage: expect.stringContaining('`max_tokens`'),
    })
  })

  it('a limit that lasts long ends it at once', async () => {
    const tight = new Anthropic({ baseURL: scene.gate.data, apiKey: scene.keyOf('tight') })
    await tight.messages.create(ask)
    const { error, endings } = await scene.watched(() => tight.messages.create(ask))
    expect(error).toBeInstanceOf(RateLimitError)
    expect(error).toMatchObject({
      type: 'rate_limit_error',
      apiMessage: 'Too many requests. Try again later.',
    })
    expect(endings).toEqual(['rate_limited'])
  })

  it('a limit that may pass is tried once more, after the wait it was told', async () => {
    const attempts = await scene.occupied(async (apiKey, fetch) => {
      const client = new Anthropic({ baseURL: scene.gate.data, apiKey, fetch, maxRetries: 1 })
      const { content } = await client.messages.create(ask)
      expect(content).toMatchObject([{ type: 'text', text: colours }])
    })
    expect(attempts.map(({ status }) => status)).toEqual([429, 200])
    expect(attempts[0]?.headers.get('retry-after')).toBe('1')
    // Left to itself it would have waited half as long.
    expect(attempts[1]?.waitedMs).toBeGreaterThan(990)
  })

  it('a model that dies in mid-stream is an error with our words, after one attempt', async () => {
    const { error, endings } = await scene.playing(['death-v1-messages'], () =>
      scene.watched(async () => {
        for await (const _event of await anthropic.messages.create({ ...ask, stream: true }));
      }),
    )
    expect(error).toBeInstanceOf(APIError)
    expect(String(error)).toContain(failed)
    expect(endings).toEqual(['upstream_failed'])
  })
})
