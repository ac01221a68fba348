/** The real `openai` from npm, unchanged but for URL and key: chat, completions, embeddings, lists, limits. */
import OpenAI, { APIError, AuthenticationError, BadRequestError, NotFoundError, RateLimitError } from 'openai'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  blocked,
  colours,
  failed,
  injected,
  messages,
  name,
  openaiCall,
  question,
  type Scene,
  startScene,
  weather,
} from '../rig/clients.ts'

let scene: Scene
let openai: OpenAI
beforeAll(async () => {
  scene = await startScene()
  openai = new OpenAI({ baseURL: `${scene.gate.data}/v1`, apiKey: scene.gate.key })
})
afterAll(() => scene.close())

const chat = { model: name, messages }
const tools = [{ type: 'function' as const, function: weather }]

describe('openai', () => {
  it('chats', async () => {
    const { choices, usage } = await openai.chat.completions.create(chat)
    expect([choices[0]?.message.content, usage?.completion_tokens]).toEqual([colours, 12])
  })

  it('streams, without the usage it did not ask for', async () => {
    let text = ''
    for await (const chunk of await openai.chat.completions.create({ ...chat, stream: true })) {
      text += chunk.choices[0]?.delta.content ?? ''
      expect(chunk.usage ?? null).toBeNull()
    }
    expect(text).toBe(colours)
    expect(scene.gate.requests().at(-1)?.usage).toEqual({ input: 13, output: 12 })
  })

  it('streams with the usage it asked for', async () => {
    const usages = []
    const stream = await openai.chat.completions.create({
      ...chat,
      stream: true,
      stream_options: { include_usage: true },
    })
    for await (const { usage } of stream) if (usage) usages.push(usage.total_tokens)
    expect(usages).toEqual([25])
  })

  it('calls tools, whole and streamed', async () => {
    const bonn = { function: { name: 'get_weather', arguments: '{"city":"Bonn"}' } }
    await scene.playing([openaiCall], async () => {
      const { choices } = await openai.chat.completions.create({ ...chat, tools })
      expect(choices[0]?.message.tool_calls?.[0]).toMatchObject(bonn)
    })
    await scene.playing(['v1-chat-tools-stream'], async () => {
      const { choices } = await openai.chat.completions.stream({ ...chat, tools }).finalChatCompletion()
      expect(choices[0]?.message.tool_calls?.[0]).toMatchObject(bonn)
    })
  })

  it('runs a tool and goes on with what it said', async () => {
    await scene.playing([openaiCall, 'v1-chat-whole'], async () => {
      const asked: string[] = []
      const runner = openai.chat.completions.runTools({
        ...chat,
        tools: [
          {
            type: 'function',
            function: {
              ...weather,
              parse: (text: string): unknown => JSON.parse(text),
              function: (args: unknown) => {
                asked.push(JSON.stringify(args))
                return '12 degrees, rain'
              },
            },
          },
        ],
      })
      expect(await runner.finalContent()).toBe(colours)
      expect(asked).toEqual(['{"city":"Bonn"}'])
    })
    expect(scene.model.posts.at(-1)?.json.messages).toMatchObject([
      messages[0],
      { role: 'assistant', tool_calls: [{ function: { name: 'get_weather' } }] },
      { role: 'tool', content: '12 degrees, rain' },
    ])
  })

  it('completes and embeds', async () => {
    expect((await openai.completions.create({ model: name, prompt: question })).choices[0]?.text).toBe(
      colours,
    )
    expect(
      (await openai.embeddings.create({ model: 'all-minilm', input: 'hello' })).data[0]?.embedding,
    ).toHaveLength(384)
  })

  it('lists', async () => {
    const ids = []
    for await (const each of openai.models.list()) ids.push(each.id)
    expect(ids).toEqual(['all-minilm:latest', 'smollm2:135m'])
    expect((await openai.models.retrieve(name)).id).toBe(name)
  })

  it('reads our codes and words in its errors, and does not try again in vain', async () => {
    const { error, endings } = await scene.watched(() =>
      openai.chat.completions.create({ model: name, messages: injected }),
    )
    expect(error).toBeInstanceOf(BadRequestError)
    expect(error).toMatchObject({
      code: 'prompt_blocked',
      type: 'invalid_request_error',
      requestID: expect.any(String),
    })
    expect(String(error)).toContain(blocked)
    expect(endings).toEqual(['prompt_blocked'])

    const unknown = await scene.watched(() => openai.chat.completions.create({ model: 'other', messages }))
    expect(unknown.error).toBeInstanceOf(NotFoundError)
    expect(unknown.endings).toEqual(['model_not_allowed'])

    const stranger = new OpenAI({ baseURL: `${scene.gate.data}/v1`, apiKey: 'sk-wrong' })
    const wrong = await scene.watched(() => stranger.models.list())
    expect(wrong.error).toBeInstanceOf(AuthenticationError)
    expect(wrong.endings).toEqual(['invalid_credentials'])
  })

  it('tries once more after what may pass', async () => {
    const impatient = new OpenAI({ baseURL: `${scene.gate.data}/v1`, apiKey: scene.gate.key, maxRetries: 1 })
    const { error, endings } = await scene.playing(['busy-v1-chat'], () =>
      scene.watched(() => impatient.chat.completions.create(chat)),
    )
    expect(error).toMatchObject({ status: 503 })
    expect(endings).toEqual(['upstream_unavailable', 'upstream_unavailable'])
  })

  it('is told when the model dies in mid-stream', async () => {
    const { error, endings } = await scene.playing(['death-v1-chat'], () =>
      scene.watched(async () => {
        for await (const _chunk of await openai.chat.completions.create({ ...chat, stream: true }));
      }),
    )
    expect(error).toBeInstanceOf(APIError)
    expect(String(error)).toContain(failed)
    expect(endings).toEqual(['upstream_failed'])
  })
})

describe('a limit', () => {
  it('that lasts long ends it at once, although it would try again', async () => {
    const tight = new OpenAI({ baseURL: `${scene.gate.data}/v1`, apiKey: scene.keyOf('tight') })
    await tight.chat.completions.create(chat)
    const { error, endings } = await scene.watched(() => tight.chat.completions.create(chat))
    expect(error).toBeInstanceOf(RateLimitError)
    expect(error).toMatchObject({ code: 'rate_limited' })
    expect(endings).toEqual(['rate_limited'])
  })

  it('that may pass is tried once more, after the wait it was told', async () => {
    const attempts = await scene.occupied(async (apiKey, fetch) => {
      const client = new OpenAI({ baseURL: `${scene.gate.data}/v1`, apiKey, fetch, maxRetries: 1 })
      const { choices } = await client.chat.completions.create(chat)
      expect(choices[0]?.message.content).toBe(colours)
    })
    expect(attempts.map(({ status }) => status)).toEqual([429, 200])
    expect(attempts[0]?.headers.get('retry-after')).toBe('1')
    // Left to itself it would have waited half as long.
    expect(attempts[1]?.waitedMs).toBeGreaterThan(990)
  })
})
