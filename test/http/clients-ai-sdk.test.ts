/** The real AI SDK (`ai`) with two providers, unchanged but for URL and key. */
import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import {
  APICallError,
  embed,
  generateText,
  jsonSchema,
  type LanguageModel,
  stepCountIs,
  streamText,
  tool,
} from 'ai'
import { createOllama } from 'ollama-ai-provider-v2'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import {
  blocked,
  chatCall,
  colours,
  failed,
  injection,
  name,
  openaiCall,
  question,
  type Scene,
  startScene,
  weather,
} from '../rig/clients.ts'

let scene: Scene
beforeAll(async () => {
  scene = await startScene()
})
afterAll(() => scene.close())

const ollama = (key = scene.gate.key, counting?: typeof fetch) =>
  createOllama({
    baseURL: `${scene.gate.data}/api`,
    headers: { Authorization: `Bearer ${key}` },
    ...(counting && { fetch: counting }),
  })
const compatible = (apiKey = scene.gate.key, counting?: typeof fetch) =>
  createOpenAICompatible({
    name: 'gate',
    baseURL: `${scene.gate.data}/v1`,
    apiKey,
    ...(counting && { fetch: counting }),
  })

interface Provider {
  of(model: string, key?: string, counting?: typeof fetch): LanguageModel
  readonly call: object
  readonly whole: string
  readonly toolsStream: string
}
const providers: readonly (readonly [string, Provider])[] = [
  [
    'ollama-ai-provider-v2',
    {
      of: (model, key, counting) => ollama(key, counting)(model),
      call: chatCall,
      whole: 'chat-whole',
      toolsStream: 'chat-tools-stream',
    },
  ],
  [
    '@ai-sdk/openai-compatible',
    {
      of: (model, key, counting) => compatible(key, counting)(model),
      call: openaiCall,
      whole: 'v1-chat-whole',
      toolsStream: 'v1-chat-tools-stream',
    },
  ],
]

const { parameters, description } = weather
const tools = {
  get_weather: tool({
    description,
    inputSchema: jsonSchema<{ city: string }>(parameters),
    execute: ({ city }) => `12 degrees in ${city}`,
  }),
}

describe.each(providers)('ai with %s', (_name, { of, call, whole, toolsStream }) => {
  it('generates', async () => {
    const { text, usage, finishReason } = await generateText({ model: of(name), prompt: question })
    expect([text, usage.outputTokens, finishReason]).toEqual([colours, 12, 'stop'])
  })

  it('streams', async () => {
    let text = ''
    for await (const piece of streamText({ model: of(name), prompt: question }).textStream) text += piece
    expect(text).toBe(colours)
  })

  it('calls a tool and goes on with what it said', async () => {
    const { text, steps } = await scene.playing([call, whole], () =>
      generateText({ model: of(name), prompt: question, tools, stopWhen: stepCountIs(3) }),
    )
    expect(text).toBe(colours)
    expect(steps[0]?.toolCalls).toMatchObject([{ toolName: 'get_weather', input: { city: 'Bonn' } }])
    expect(scene.model.posts.at(-1)?.json.messages).toMatchObject([
      { role: 'user' },
      { role: 'assistant', tool_calls: [{ function: { name: 'get_weather' } }] },
      { role: 'tool', content: expect.stringContaining('12 degrees in Bonn') },
    ])
  })

  it('calls a tool in a stream', async () => {
    const calls = await scene.playing(
      [toolsStream],
      async () => streamText({ model: of(name), prompt: question, tools }).toolCalls,
    )
    expect(calls).toMatchObject([{ toolName: 'get_weather', input: { city: 'Bonn' } }])
  })

  it('is refused a blocked prompt once', async () => {
    const { error, endings } = await scene.watched(() => generateText({ model: of(name), prompt: injection }))
    expect(APICallError.isInstance(error)).toBe(true)
    expect(error).toMatchObject({
      statusCode: 400,
      isRetryable: false,
      responseBody: expect.stringContaining(blocked),
    })
    expect(endings).toEqual(['prompt_blocked'])
  })

  it('is told that a model is unknown once, in a stream as well', async () => {
    const { result, endings } = await scene.watched(async () => {
      const errors: unknown[] = []
      await streamText({
        model: of('other'),
        prompt: question,
        onError: ({ error }) => {
          errors.push(error)
        },
      }).consumeStream()
      return errors
    })
    expect(result).toMatchObject([{ statusCode: 404 }])
    expect(endings).toEqual(['model_not_allowed'])
  })

  it('tries once more after a limit that may pass, after the wait it was told', async () => {
    const attempts = await scene.occupied(async (key, counting) => {
      const model = of(name, key, counting)
      const { text } = await generateText({ model, prompt: question, maxRetries: 1 })
      expect(text).toBe(colours)
    })
    expect(attempts.map(({ status }) => status)).toEqual([429, 200])
    // Left to itself it would have waited twice as long.
    expect(attempts[1]?.waitedMs).toBeGreaterThan(990)
    expect(attempts[1]?.waitedMs).toBeLessThan(1900)
  })
})

describe('ai with ollama-ai-provider-v2', () => {
  it('has its limit where the server looks for it', async () => {
    await generateText({ model: ollama()(name), prompt: question, maxOutputTokens: 17 })
    const { json } = scene.model.posts.at(-1) ?? {}
    expect(json).toMatchObject({ options: { num_predict: 17 } })
    expect(json).not.toHaveProperty('max_output_tokens')
  })

  it('embeds', async () => {
    const { embedding } = await embed({
      model: ollama().textEmbeddingModel('all-minilm'),
      value: 'hello',
    })
    expect(embedding).toHaveLength(384)
  })

  it('passes over our words when the model dies, but does not call the answer complete', async () => {
    const { result, endings, told } = await dying('death-chat', ollama()(name))
    expect(result).toBe('other')
    expect(told).toEqual([])
    expect(endings).toEqual(['upstream_failed'])
  })
})

describe('ai with @ai-sdk/openai-compatible', () => {
  it('reads our words when the model dies in mid-stream, and does not ask again', async () => {
    const { endings, told } = await dying('death-v1-chat', compatible()(name))
    expect(told).toMatchObject([{ message: failed }])
    expect(endings).toEqual(['upstream_failed'])
  })
})

/** What a caller learns of a stream that breaks off: why it ended, and errors. */
async function dying(recording: string, model: LanguageModel) {
  const told: unknown[] = []
  // The one provider writes what it cannot read to the console.
  const quiet = vi.spyOn(console, 'warn').mockReturnValue()
  const watched = await scene.playing([recording], () =>
    scene.watched(async () => {
      const stream = streamText({
        model,
        prompt: question,
        onError: ({ error }) => {
          told.push(error)
        },
      })
      await stream.consumeStream()
      return stream.finishReason
    }),
  )
  quiet.mockRestore()
  return { ...watched, told }
}
