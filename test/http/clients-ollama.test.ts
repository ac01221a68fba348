/** The real `ollama` from npm, unchanged but for host and key. */
import { Ollama } from 'ollama'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  blocked,
  chatCall,
  colours,
  failed,
  injected,
  messages,
  name,
  question,
  type Scene,
  startScene,
  unknownModel,
  weather,
} from '../rig/clients.ts'
import { likeOllama } from '../rig/model-server.ts'

let scene: Scene
let ollama: Ollama
const clientOf = (key: string) =>
  new Ollama({ host: scene.gate.data, headers: { Authorization: `Bearer ${key}` } })
beforeAll(async () => {
  scene = await startScene()
  ollama = clientOf(scene.gate.key)
})
afterAll(() => scene.close())

const tools = [{ type: 'function', function: weather }]

describe('ollama', () => {
  it('chats', async () => {
    const { message, eval_count } = await ollama.chat({ model: name, messages })
    expect([message.content, eval_count]).toEqual([colours, 12])
  })

  it('streams', async () => {
    let text = ''
    for await (const part of await ollama.chat({ model: name, messages, stream: true }))
      text += part.message.content
    expect(text).toBe(colours)
  })

  it('generates, streamed and whole', async () => {
    expect((await ollama.generate({ model: name, prompt: question })).response).toBe(colours)
    let text = ''
    for await (const part of await ollama.generate({ model: name, prompt: question, stream: true }))
      text += part.response
    expect(text).toBe(colours)
  })

  it('calls tools, whole and streamed', async () => {
    const bonn = [{ function: { name: 'get_weather', arguments: { city: 'Bonn' } } }]
    await scene.playing([chatCall], async () => {
      const { message } = await ollama.chat({ model: name, messages, tools })
      expect(message.tool_calls).toMatchObject(bonn)
    })
    await scene.playing(['chat-tools-stream'], async () => {
      const calls = []
      for await (const part of await ollama.chat({ model: name, messages, tools, stream: true }))
        calls.push(...(part.message.tool_calls ?? []))
      expect(calls).toMatchObject(bonn)
    })
  })

  it('embeds', async () => {
    expect((await ollama.embed({ model: 'all-minilm', input: 'hello' })).embeddings[0]).toHaveLength(384)
    expect((await ollama.embeddings({ model: 'all-minilm', prompt: 'hello' })).embedding).toHaveLength(384)
  })

  it('lists and shows', async () => {
    expect((await ollama.list()).models.map((each) => each.name)).toEqual([
      'all-minilm:latest',
      'smollm2:135m',
    ])
    expect((await ollama.ps()).models).toHaveLength(1)
    expect((await ollama.version()).version).toBe('0.0.0')
    expect((await ollama.show({ model: name })).capabilities).toContain('tools')
  })

  it('reads our words in its errors, after one attempt each', async () => {
    const { error, endings } = await scene.watched(() => ollama.chat({ model: name, messages: injected }))
    expect(error).toMatchObject({ status_code: 400, error: blocked })
    expect(endings).toEqual(['prompt_blocked'])
    await expect(ollama.chat({ model: 'other', messages })).rejects.toMatchObject({
      status_code: 404,
      error: unknownModel,
    })
    await expect(ollama.pull({ model: 'other' })).rejects.toMatchObject({ status_code: 403 })
    const stranger = new Ollama({ host: scene.gate.data })
    await expect(stranger.chat({ model: name, messages })).rejects.toMatchObject({ status_code: 401 })
  })

  it('is refused once, not thrice, when its minute is used up', async () => {
    const tight = clientOf(scene.keyOf('tight'))
    await tight.chat({ model: name, messages })
    const { error, endings } = await scene.watched(() => tight.chat({ model: name, messages }))
    expect(error).toMatchObject({ status_code: 429, error: 'Too many requests. Try again later.' })
    expect(endings).toEqual(['rate_limited'])
  })

  it('is told when the model dies in mid-stream', async () => {
    await scene.playing(['death-chat'], async () => {
      const read = async () => {
        for await (const _part of await ollama.chat({ model: name, messages, stream: true }));
      }
      await expect(read()).rejects.toThrow(failed)
    })
  })

  it('stops the model when it aborts', async () => {
    const { model } = scene
    model.script = (_seen, response) => {
      response.writeHead(200, { 'content-type': 'application/x-ndjson' })
      response.write('{"model":"smollm2:135m","message":{"role":"assistant","content":"Hm"},"done":false}\n')
    }
    const stream = await ollama.chat({ model: name, messages, stream: true })
    for await (const _part of stream) break
    stream.abort()
    await model.posts.at(-1)?.left
    model.script = likeOllama
  })
})
