/** The real `@langchain/ollama` from npm, unchanged but for URL and key. */
import { HumanMessage, ToolMessage } from '@langchain/core/messages'
import { tool } from '@langchain/core/tools'
import { ChatOllama, Ollama, OllamaEmbeddings } from '@langchain/ollama'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  blocked,
  colours,
  failed,
  injection,
  name,
  question,
  type Scene,
  startScene,
  unknownModel,
  weather,
} from '../rig/clients.ts'

let scene: Scene
beforeAll(async () => {
  scene = await startScene()
})
afterAll(() => scene.close())

const access = (key = scene.gate.key) => ({
  baseUrl: scene.gate.data,
  headers: { Authorization: `Bearer ${key}` },
})
const chatOf = (model = name, key?: string) => new ChatOllama({ ...access(key), model, temperature: 0 })

describe('langchain', () => {
  it('invokes', async () => {
    const { content, usage_metadata } = await chatOf().invoke(question)
    expect(content).toBe(colours)
    expect(usage_metadata).toMatchObject({ input_tokens: 13, output_tokens: 12 })
  })

  it('streams', async () => {
    let text = ''
    for await (const chunk of await chatOf().stream(question)) text += String(chunk.content)
    expect(text).toBe(colours)
  })

  it('calls a tool that it was bound to, and goes on with what the tool said', async () => {
    const { name: called, description, parameters } = weather
    const read = tool(() => '12 degrees, rain', { name: called, description, schema: parameters })
    const bound = chatOf().bindTools([read])
    const ask = new HumanMessage(question)
    const call = await scene.playing(['chat-tools-stream'], () => bound.invoke([ask]))
    expect(call.tool_calls).toMatchObject([{ name: called, args: { city: 'Bonn' } }])
    const tools = [{ type: 'function', function: { name: called, parameters: { properties: { city: {} } } } }]
    expect(scene.model.posts.at(-1)?.json).toMatchObject({ tools })

    const said = new ToolMessage({
      content: '12 degrees, rain',
      tool_call_id: call.tool_calls?.[0]?.id ?? '',
    })
    const { content } = await bound.invoke([ask, call, said])
    expect(content).toBe(colours)
    expect(scene.model.posts.at(-1)?.json.messages).toMatchObject([
      { role: 'user', content: question },
      { role: 'assistant', tool_calls: [{ function: { name: called, arguments: { city: 'Bonn' } } }] },
      { role: 'tool', content: '12 degrees, rain' },
    ])
  })

  it('completes and embeds', async () => {
    expect(await new Ollama({ ...access(), model: name }).invoke(question)).toBe(colours)
    const embeddings = new OllamaEmbeddings({ ...access(), model: 'all-minilm' })
    expect(await embeddings.embedQuery('hello')).toHaveLength(384)
  })

  it('reads our words in its errors, after one attempt each', async () => {
    const prompt = await scene.watched(() => chatOf().invoke(injection))
    expect(String(prompt.error)).toContain(blocked)
    expect(prompt.endings).toEqual(['prompt_blocked'])

    const unknown = await scene.watched(() => chatOf('other').invoke(question))
    expect(String(unknown.error)).toContain(unknownModel)
    expect(unknown.endings).toEqual(['model_not_allowed'])

    const key = scene.keyOf('tight')
    await chatOf(name, key).invoke(question)
    const limit = await scene.watched(() => chatOf(name, key).invoke(question))
    expect(String(limit.error)).toContain('Too many requests. Try again later.')
    expect(limit.endings).toEqual(['rate_limited'])
  })

  it('is told when the model dies in mid-stream', async () => {
    const { error, endings } = await scene.playing(['death-chat'], () =>
      scene.watched(async () => {
        for await (const _chunk of await chatOf().stream(question));
      }),
    )
    expect(String(error)).toContain(failed)
    expect(endings).toEqual(['upstream_failed'])
  })
})
